import { isOfOlderKit } from '../stack/containers.ts';
import type { Release } from '../stack/release.ts';
import { containerName, SERVICES, volumeName } from '../stack/stack.ts';
import { type Plan, planStray, type Sight, type Step } from './up-plan.ts';

/**
 * What was done to a stack by hand, or broken off, and `prod-up` sets right: one sentence each.
 * @param sight with `differing`
 */
export function findHandiwork(sight: Sight): string[] {
  const { settings, services, strays, former, missingImages, differing = [], oneOffs } = sight;
  const sentences = strays.map((stray) => {
    const step = planStray(stray, sight);
    return step.do === 'rename'
      ? `${stray.name} is ${step.to} under another name`
      : `${stray.name} is what a broken-off docker compose left`;
  });
  const unnamed = [...missingImages.values()].map((name) => `The image ${name} runs and has lost its name`);
  const missing = SERVICES.filter(
    (service) => ![...services, ...strays].some((one) => one.service === service),
  );
  const older = services.filter(isOfOlderKit);
  // While an update goes on, what was not replaced yet differs; and all that an older version made.
  const others =
    oneOffs.length > 0 || older.length > 0
      ? []
      : differing.filter((service) => services.some((one) => one.service === service));
  return [
    ...sentences,
    ...unnamed,
    ...missing.map((service) => {
      const name = containerName(settings, service);
      const before = former.find((one) => one.name.startsWith(`${name}-`));
      return before
        ? `${name} is not there, and ${before.name}, which it replaced, still is`
        : `${name} is not there`;
    }),
    ...older.map(({ name }) => `${name} was made by an older version of this kit, and goes on as it is`),
    ...others.map(
      (service) =>
        `${containerName(settings, service)} runs with other settings than the env file and the compose files say`,
    ),
  ];
}

/** A plan for people, one line a step. */
export function describePlan({ steps, release }: Plan, sight: Sight): string[] {
  const described = steps.flatMap((step) => describeStep(step, release, sight));
  return described.length > 0 ? described : ['nothing: all is as it should be'];
}

function describeStep(step: Step, release: Release | undefined, sight: Sight): string[] {
  switch (step.do) {
    case 'build':
      return ['build the images'];
    case 'tag':
      return [
        step.from === 'running'
          ? 'take what runs as the deployed release'
          : 'deploy the images that were built last',
      ];
    case 'name image':
      return [`give the image that runs its name back: ${step.name}`];
    case 'leave':
      return [`stop ${step.mode} mode; its data stay`];
    case 'rename':
      return [`rename ${step.name} to ${step.to}`];
    case 'remove':
      return [`remove ${step.name}: it ${step.why}`];
    case 'unpause':
      return [`let ${step.name} go on, which is paused`];
    case 'join':
      return [`connect ${step.name} to the network ${step.network}`];
    case 'finish':
      return [`finish ${step.command} to ${step.to.app}, which was interrupted`];
    case 'await':
      return [`wait until ${step.names.join(' and ')}, which an update has replaced, is gone`];
    case 'up':
      return describeUp(release, sight);
    case 'tidy':
      return ['remove what the interrupted update left'];
  }
}

function describeUp(
  release: Release | undefined,
  { settings, services, strays, differing = SERVICES, volumeThere }: Sight,
): string[] {
  const lines = SERVICES.flatMap((service) => {
    const name = containerName(settings, service);
    const current = [...services, ...strays].find((one) => one.service === service);
    if (!current) return [`start ${name}`];
    if (differing.includes(service)) return [`make ${name} anew: its settings differ`];
    return current.state === 'running' || current.state === 'paused'
      ? []
      : [`start ${name}, which is ${current.state}`];
  });
  const of = release ? ` of ${release.app}` : '';
  return [
    ...(volumeThere ? [] : [`make the volume ${volumeName(settings)}`]),
    ...lines.map((line) => (line.startsWith('start') ? `${line}${of}` : line)),
  ];
}
