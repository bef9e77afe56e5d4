import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto';

/** A certificate and its private key, both PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const SHA256_WITH_ECDSA = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const COMMON_NAME = [0x55, 0x04, 0x03];
const SUBJECT_ALTERNATIVE_NAME = [0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS = [0x55, 0x1d, 0x13];
const DAY = 86_400_000;

/**
 * Makes a certificate for 127.0.0.1 and localhost that is its own authority, valid for a day. Node can
 * sign, but has nothing that writes certificates: this writes the few lines of DER (RFC 5280) itself.
 */
export const selfSigned = (): Certificate => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = sequence(tag(0x06, Buffer.from(SHA256_WITH_ECDSA)));
  const name = sequence(
    tag(0x31, sequence(tag(0x06, Buffer.from(COMMON_NAME)), tag(0x0c, Buffer.from('localhost')))),
  );
  const names = sequence(tag(0x82, Buffer.from('localhost')), tag(0x87, Buffer.from([127, 0, 0, 1])));
  const body = sequence(
    tag(0xa0, tag(0x02, Buffer.from([2]))),
    tag(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    name,
    sequence(time(Date.now() - DAY), time(Date.now() + DAY)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tag(
      0xa3,
      sequence(
        sequence(tag(0x06, Buffer.from(SUBJECT_ALTERNATIVE_NAME)), tag(0x04, names)),
        sequence(
          tag(0x06, Buffer.from(BASIC_CONSTRAINTS)),
          tag(0x04, sequence(tag(0x01, Buffer.from([0xff])))),
        ),
      ),
    ),
  );
  const signature = createSign('sha256').update(body).sign(privateKey);
  const der = sequence(body, algorithm, tag(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};

/** One element of DER: its tag, the length of its content, its content. */
const tag = (id: number, content: Buffer): Buffer => {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([id, length]), content]);
  return Buffer.concat([Buffer.from([id, 0x82, length >> 8, length & 0xff]), content]);
};

const sequence = (...parts: readonly Buffer[]): Buffer => tag(0x30, Buffer.concat(parts));

const time = (ms: number): Buffer =>
  tag(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
