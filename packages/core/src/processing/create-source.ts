import type { ProcessorDefinition } from '../model/processor-definition.js';
import type { Intake } from '../routing/intake.js';
import { AcknowledgedSource } from './acknowledged-source.js';
import { LogSource } from './log-source.js';
import type { RunnerEnvironment } from './runner-environment.js';
import type { Source, SourceHost } from './source.js';

/** The source that a definition names; by default the log. */
export const createSource = (
  definition: ProcessorDefinition,
  environment: RunnerEnvironment,
  intake: Intake,
  host: SourceHost,
): Source => {
  const { source } = definition;
  return source === undefined
    ? new LogSource(definition, environment, intake, host)
    : new AcknowledgedSource(source, environment, intake, host);
};
