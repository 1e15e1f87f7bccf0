// SPDX-License-Identifier: Apache-2.0
// A certificate authority of a test's own: certificates as files, made by openssl.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";

function openssl(...options) {
  execFileSync("openssl", options, { stdio: ["ignore", "ignore", "pipe"] });
}

const kP256 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
export const kRsa = ["rsa:2048"];

function newKey(file, kind = kP256) {
  return ["-newkey", ...kind, "-nodes", "-keyout", file];
}

/// Names and addresses. What openssl's configuration cannot write is written as DER (RFC 5280 section 4.2.1.6).
function alternativeNames(names) {
  if (!names.some((name) => name.includes("\0"))) return names.map((name) => `${net.isIP(name) ? "IP" : "DNS"}:${name}`).join(",");
  const all = Buffer.concat(names.map((name) => Buffer.from(`\x82${String.fromCharCode(name.length)}${name}`, "latin1")));
  return `DER:30${all.length.toString(16).padStart(2, "0")}${all.toString("hex")}`;
}

/// Makes an OCSP response one that has expired: the last of its times is that of the next update. Its
/// signature is no longer good.
export function expireOcsp(file) {
  const expired = fs.readFileSync(file, "latin1").replace(/^([^]*\x18\x0f)\d{14}Z/, (_, before) => `${before}20200101000000Z`);
  fs.writeFileSync(file, expired, "latin1");
}

export class Authority {
  /// Signs for itself, or is a subordinate of `issuer`.
  constructor(folder, name = "authority", issuer = undefined) {
    this.folder = folder;
    this.key = path.join(folder, `${name}.key`);
    this.file = path.join(folder, `${name}.pem`);
    this.issuer = issuer;
    if (issuer) {
      issuer.#sign(path.join(folder, name), `/CN=${name}`, "basicConstraints=critical,CA:TRUE", 2);
    } else {
      openssl("req", "-x509", ...newKey(this.key), "-out", this.file, "-days", "2", "-subj", `/CN=${name}`);
    }
  }

  /// { certificate, privateKey }: files for these DNS names and addresses, the first of which is the subject's.
  /// Behind the certificate come those that lead to the authority that signs for itself.
  issue(names, { file = names[0].replace("*", "any"), days = 1, kind = kP256 } = {}) {
    const base = path.join(this.folder, file);
    this.#sign(base, `/CN=${names[0]}`, `subjectAltName=${alternativeNames(names)}`, days, kind);
    for (let each = this; each.issuer; each = each.issuer) {
      fs.appendFileSync(`${base}.pem`, fs.readFileSync(each.file));
    }
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

  #sign(base, subject, extension, days, kind = kP256) {
    fs.writeFileSync(`${base}.ext`, `${extension}\n`);
    openssl("req", ...newKey(`${base}.key`, kind), "-out", `${base}.csr`, "-subj", subject);
    openssl("x509", "-req", "-in", `${base}.csr`, "-CA", this.file, "-CAkey", this.key,
      "-CAcreateserial", "-days", `${days}`, "-extfile", `${base}.ext`, "-out", `${base}.pem`);
  }
}
