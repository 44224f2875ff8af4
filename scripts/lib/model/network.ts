/** Who answers to a name on a network. */
export interface NetworkMember {
  container: string;
  project: string;
  names: readonly string[];
}

/** A name that this stack will take and somebody else already answers to. */
export interface NameConflict {
  name: string;
  container: string;
  project: string;
}

/**
 * Finds names on a shared network that two projects would answer to; Docker's DNS would then give either.
 * @param members who is on the network
 * @param taking the names this stack takes there
 * @param project this stack's Compose project, whose own containers are no conflict
 */
export function findNameConflicts(
  members: readonly NetworkMember[],
  taking: readonly string[],
  project: string,
): NameConflict[] {
  return members
    .filter((member) => member.project !== project)
    .flatMap((member) =>
      taking
        .filter((name) => member.names.includes(name))
        .map((name) => ({ name, container: member.container, project: member.project })),
    );
}
