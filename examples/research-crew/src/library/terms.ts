/** Words too common to tell passages apart. */
const common = new Set(
  (
    'a about all also an and any are as at be because been before being but by can could did do does each for from ' +
    'had has have how i if in into is it its just like may me more most must my no not of on one only or other our ' +
    'out over own same should so some such than that the their them then there these they this those through to ' +
    'too under up us use used uses using very was we were what when where whether which while who why will with ' +
    'without would you your'
  ).split(' '),
);

/** The words of a text that carry its meaning, without endings, in order and with repetitions. */
export const termsOf = (text: string): readonly string[] =>
  text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .flatMap((word) => term(word) ?? []);

/** The word as it is compared, or `undefined` if it means nothing by itself. */
export const term = (word: string): string | undefined => {
  const lower = word.toLowerCase();
  return lower.length < 2 || common.has(lower) ? undefined : stem(lower);
};

/** Takes the commonest English endings off, so that `killed`, `kills` and `killing` meet. */
const stem = (word: string): string => {
  if (word.length <= 4) return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  const stripped = word.replace(/(ing|ed|es|s)$/, (ending) => (word.endsWith('ss') ? ending : ''));
  return stripped.length < 3 ? word : stripped.replace(/e$/, '').replace(/([^aeiouls])\1$/, '$1');
};
