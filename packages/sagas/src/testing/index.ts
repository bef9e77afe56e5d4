/** Tests of sagas in the words of their domain. */
export {
  SagaOutcome,
  SagaScenario,
  accepts,
  causes,
  decides,
  fires,
  misses,
  refuses,
  retries,
  sagaScenario,
  undoes,
  type ExpectedOfSaga,
  type Happening,
} from './saga-scenario.js';
