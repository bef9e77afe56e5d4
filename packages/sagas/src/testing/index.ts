/**
 * Tests of sagas in the words of their domain.
 *
 * @module @tidemark/sagas/testing
 */

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
