import { setTimeout as sleep } from 'node:timers/promises';
import type { InspectedContainer } from '../../docker/inspect.ts';
import { findStrangers, whoStays } from '../drift/process-rules.ts';
import type { ContainerFacts } from '../facts.ts';
import { askDatabase } from './database.ts';
import { parseInside, type Sections } from './inside.ts';
import { askInside, rootOf } from './probes.ts';
import { OUTSIDE, type Plan } from './reach.ts';
import { type SecretSource, searchSecrets } from './secrets.ts';

/** So long a process that nothing explains has to stay: probes and commands of the kit come and go meanwhile. */
const STAY_MS = 3000;

/** Asks inside of every container, then the database, and searches what came for secrets. */
export async function askContainers(
  raw: readonly InspectedContainer[],
  bare: readonly ContainerFacts[],
  plan: Plan,
  source: SecretSource,
  searching: boolean,
) {
  const targets: Record<string, string[]> = {
    backend: [plan.database[0] ?? ''],
    frontend: plan.database.slice(2),
    postgres: [OUTSIDE, ...plan.gateways],
  };
  const answers = await Promise.all(
    raw.map((one, index) =>
      askInside(one, bare[index]?.service ?? '', targets[bare[index]?.service ?? ''] ?? []),
    ),
  );
  const containers = await Promise.all(
    bare.map((one, index) => lookTwice(withInside(one, raw[index], answers[index]), raw[index])),
  );
  const pickText = (kind: string) =>
    new Map(
      bare.map(({ name }, index) => [
        name,
        [...(answers[index] ?? [])]
          .flatMap(([section, text]) => (section.startsWith(kind) ? [text] : []))
          .join('\n'),
      ]),
    );
  const sectionsOf = (service: string): Sections =>
    answers[bare.findIndex((one) => one.service === service)] ?? new Map();
  const postgres = containers.find(({ service, state }) => service === 'postgres' && state === 'running');
  const [searched, database] = await Promise.all([
    searchSecrets(searching ? source : undefined, bare, {
      inspect: new Map(raw.map((one) => [one.Name.slice(1), JSON.stringify(one)])),
      commands: pickText('cmdline'),
      environments: pickText('environ'),
    }),
    postgres ? askDatabase(postgres, sectionsOf('backend').get('metrics') ?? '') : null,
  ]);
  return { containers, searched, database, sections: sectionsOf };
}

function withInside(
  one: ContainerFacts,
  raw: InspectedContainer | undefined,
  sections: Sections | undefined,
): ContainerFacts {
  return sections ? { ...one, inside: parseInside(sections, rootOf(raw), one.probe) } : one;
}

/** Looks again where a process is a stranger, so that none is told of for being on its way. */
async function lookTwice(one: ContainerFacts, raw: InspectedContainer | undefined): Promise<ContainerFacts> {
  if (!raw || !one.inside || findStrangers(one).length === 0) return one;
  await sleep(STAY_MS);
  const { inside } = withInside(one, raw, await askInside(raw, one.service, []));
  return inside ? { ...one, inside: { ...one.inside, ...whoStays(one.inside, inside) } } : one;
}
