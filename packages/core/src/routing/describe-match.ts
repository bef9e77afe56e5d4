import { isClass } from '../model/class-marks.js';
import { messageDefinitionOf } from '../model/handled-messages.js';
import type { Condition, Conditions } from './conditions.js';
import type { EventMatch, TypeReference } from './event-match.js';
import type { RouteOptions } from './route.js';
import { TypePattern } from './type-pattern.js';

/** What a route matches, in words: for status pages. */
export const describeMatch = ({ match = '**', when }: RouteOptions): string => {
  const listed: readonly (TypeReference | EventMatch)[] = isList(match) ? match : [match];
  const words = listed.map(describeOne).join('; or ');
  return when === undefined ? words : `${words}, when its function says so`;
};

const describeOne = (match: TypeReference | EventMatch): string => {
  if (isTypeReference(match)) return `type ${nameOf(match)}`;
  const { type, stream, agent, metadata, data } = match;
  return [
    type === undefined ? [] : `type ${(isList(type) ? type : [type]).map(nameOf).join(' or ')}`,
    stream === undefined ? [] : `stream ${[stream].flat().map(String).join(' or ')}`,
    agent === undefined ? [] : `agent ${[agent].flat().map(String).join(' or ')}`,
    describeConditions('metadata', metadata),
    describeConditions('data', data),
  ]
    .flat()
    .join(', ');
};

const describeConditions = (part: string, conditions: Conditions = {}): readonly string[] =>
  Object.entries(conditions).map(([name, condition]) => `${part}.${name} ${describeCondition(condition)}`);

const describeCondition = (condition: Condition): string => {
  if (condition instanceof RegExp) return `matches ${String(condition)}`;
  if (Array.isArray(condition)) return `in ${JSON.stringify(condition)}`;
  if (typeof condition !== 'object' || condition === null) return `= ${JSON.stringify(condition)}`;
  return Object.entries(condition)
    .map(([comparison, operand]) => `${comparison} ${JSON.stringify(operand)}`)
    .join(' and ');
};

const nameOf = (type: TypeReference): string =>
  isClass(type) ? messageDefinitionOf(type, 'event', 'A route').name : String(type);

const isTypeReference = (value: TypeReference | EventMatch): value is TypeReference =>
  typeof value === 'string' || isClass(value) || value instanceof RegExp || value instanceof TypePattern;

const isList = <Item>(value: Item | readonly Item[]): value is readonly Item[] => Array.isArray(value);
