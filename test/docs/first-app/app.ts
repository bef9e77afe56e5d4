// #region app
import { createApp, type Application, type Backend } from '@tidemark/core';
import { Container } from 'inversify';
import { Agents, Model } from './agents.js';
import { BriefingSaga } from './briefing-saga.js';
import { briefing } from './briefing.js';
import { Task } from './task.js';
import { Workload } from './workload.js';

export const createDesk = (backend: Backend, model: Model): Application => {
  const container = new Container();
  container.bind(Model).toConstantValue(model);
  return createApp({ backend, container, register: [Task, briefing, Workload, BriefingSaga, Agents] });
};
// #endregion app
