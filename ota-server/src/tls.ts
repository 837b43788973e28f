/** PEM texts of a private key and its certificate chain. */
export interface TlsFiles {
  readonly key: string;
  readonly cert: string;
}
