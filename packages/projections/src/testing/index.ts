/**
 * Tests of projections: given these events, then these documents.
 *
 * @module @tidemark/projections/testing
 */

export { type GivenEvent, Projecting, projecting, type ProjectingOptions } from './projecting.js';
