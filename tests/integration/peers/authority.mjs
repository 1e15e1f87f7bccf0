// SPDX-License-Identifier: Apache-2.0
// A certificate authority of a test's own: certificates as files, made by openssl.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

function openssl(...options) {
  execFileSync("openssl", options, { stdio: ["ignore", "ignore", "pipe"] });
}

export class Authority {
  constructor(folder, name = "authority") {
    this.folder = folder;
    this.key = path.join(folder, `${name}.key`);
    this.file = path.join(folder, `${name}.pem`);
    openssl("req", "-x509", ...this.#newKey(this.key), "-out", this.file, "-days", "2",
      "-subj", `/CN=${name}`);
  }

  /// { certificate, privateKey }: files for these DNS names, the first of which is the subject's.
  issue(names, { file = names[0].replace("*", "any"), days = 1 } = {}) {
    const base = path.join(this.folder, file);
    const extensions = `${base}.ext`;
    fs.writeFileSync(extensions, `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}\n`);
    openssl("req", ...this.#newKey(`${base}.key`), "-out", `${base}.csr`, "-subj", `/CN=${names[0]}`);
    openssl("x509", "-req", "-in", `${base}.csr`, "-CA", this.file, "-CAkey", this.key,
      "-CAcreateserial", "-days", `${days}`, "-extfile", extensions, "-out", `${base}.pem`);
    return { certificate: `${base}.pem`, privateKey: `${base}.key` };
  }

  /// The file of an OCSP response by which the authority says that the certificate is good, or
  /// revoked, for a day.
  answerOcsp({ certificate }, status = "V") {
    const file = certificate.replace(/pem$/, "ocsp");
    const index = `${file}.index`;
    const serial = execFileSync("openssl", ["x509", "-noout", "-serial", "-in", certificate], { encoding: "utf8" });
    const revoked = status === "R" ? "250101000000Z" : "";
    fs.writeFileSync(index, [status, "491231235959Z", revoked, serial.trim().split("=")[1], "unknown", "/CN=any"].join("\t") + "\n");
    openssl("ocsp", "-index", index, "-CA", this.file, "-rsigner", this.file, "-rkey", this.key,
      "-issuer", this.file, "-cert", certificate, "-respout", file, "-ndays", "1", "-no_nonce");
    return file;
  }

  #newKey(file) {
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file];
  }
}
