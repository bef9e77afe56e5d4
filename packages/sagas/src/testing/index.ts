/**
 * Given/when/then for sagas.
 *
 * @module @tidemark/sagas/testing
 */
export {};
