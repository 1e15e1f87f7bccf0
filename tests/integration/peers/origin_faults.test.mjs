// SPDX-License-Identifier: Apache-2.0
// The gateway executable before origins that fail: garbage, cuts, resets, lies about length, early
// answers. What a client takes for whole is what the origin meant, and its connection is kept
// wherever the framing allows.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { after, test } from "node:test";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { closed, connect, exchange, open, startGateway, startRawOrigin } from "./processes.mjs";

const kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What the origin does with a request, by the target: tests add theirs.
const acts = { "/ok": (socket) => socket.write(kOk) };
/// How often each target was asked for, and the connections that it came on.
const asked = new Map();

const origin = await startRawOrigin({ after }, (socket, path) => {
  asked.set(path, [...(asked.get(path) ?? []), socket]);
  acts[path](socket);
});
const gateway = await startGateway({ after }, origin.url);

/// A client connection that is kept for as long as the gateway keeps it.
function keptConnection(owner) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  owner.after(() => agent.destroy());
  return agent;
}

/// The exchange fails with 502, and the same client is served on the same connection after it.
async function expectBadGateway(t, path) {
  const agent = keptConnection(t);
  const failed = await exchange(gateway, path, { agent });
  assert.equal(failed.status, 502);
  assert.ok(failed.isWhole);
  assert.equal(failed.headers["content-type"], "application/problem+json");
  const next = await exchange(gateway, "/ok", { agent });
  assert.equal(next.body, "ok");
  assert.ok(next.reused, "the client's connection is kept");
}

for (const [what, answer] of [
  ["bytes that are no HTTP", "\x16\x03\x01\x02garbage\r\n\r\n"],
  ["an unknown version", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"],
  ["a status below 100", "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok"],
  ["a NUL in a field", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok"],
  ["a bare CR in a field", "HTTP/1.1 200 OK\r\nX: a\rb: c\r\nContent-Length: 2\r\n\r\nok"],
  ["a blank before a colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"],
  ["a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok"],
  ["a switch that nobody asked for", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
]) {
  test(`${what} in place of a head becomes 502`, async (t) => {
    acts["/head"] = (socket) => socket.write(answer, "latin1");
    await expectBadGateway(t, "/head");
  });
}

test("a head without an end becomes 502 at its limit", async (t) => {
  function* head() {
    yield "HTTP/1.1 200 OK\r\n";
    for (let i = 0; ; ++i) yield `X-${i}: ${"y".repeat(1000)}\r\n`;
  }
  acts["/endless"] = (socket) => Readable.from(head()).pipe(socket);
  await expectBadGateway(t, "/endless");
});

test("interim answers without an end become 502", async (t) => {
  acts["/interim"] = (socket) => {
    for (let i = 0; i < 1000; ++i) socket.write("HTTP/1.1 103 Early Hints\r\n\r\n");
  };
  await expectBadGateway(t, "/interim");
});

for (const [how, end] of [
  ["that is closed", (socket) => socket.end()],
  ["that is reset", (socket) => socket.resetAndDestroy()],
]) {
  for (const [framing, beginning] of [
    ["content of a known length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789"],
    ["chunked content between chunks", `${kChunkedHead}a\r\n0123456789\r\n`],
    ["chunked content within a chunk", `${kChunkedHead}64\r\n0123456789`],
    ["chunked content before the last line", `${kChunkedHead}a\r\n0123456789\r\n0\r\n`],
  ]) {
    test(`an answer ${how} in ${framing} does not end cleanly for the client`, async () => {
      let target;
      acts["/cut"] = (socket) => {
        target = socket;
        socket.write(beginning);
      };
      const response = await open(gateway, "/cut");
      await once(response, "data");
      end(target);
      await closed(response);
      assert.ok(!response.complete);

      // The same when all of it comes in one turn.
      acts["/at-once"] = (socket) => {
        socket.write(beginning);
        end(socket);
      };
      assert.ok(!(await exchange(gateway, "/at-once")).isWhole);
    });
  }
}

test("content until close that is reset does not end cleanly, and ends cleanly where it is closed", async () => {
  for (const [end, isWhole] of [
    [(socket) => socket.end(), true],
    [(socket) => socket.resetAndDestroy(), false],
  ]) {
    let target;
    acts["/until"] = (socket) => {
      target = socket;
      socket.write("HTTP/1.1 200 OK\r\n\r\n0123456789");
    };
    const response = await open(gateway, "/until");
    await once(response, "data");
    end(target);
    await closed(response);
    assert.equal(response.complete, isWhole);
  }
});

test("content beyond its length goes to nobody", async (t) => {
  const agent = keptConnection(t);
  acts["/long"] = (socket) => socket.write(kOk + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  assert.equal((await exchange(gateway, "/long", { agent })).body, "ok");
  const next = await exchange(gateway, "/ok", { agent });
  assert.equal(next.body, "ok");
  assert.ok(next.reused);
  const [used] = asked.get("/long");
  assert.ok(!asked.get("/ok").includes(used), "the origin's connection is not used again");
});

for (const [what, head] of [
  ["204 that announces content", "HTTP/1.1 204 No Content\r\nContent-Length: 42\r\n\r\n"],
  ["204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"],
]) {
  test(`${what}: that is dropped, also where it comes late, and the connection not used again`, async (t) => {
    const agent = keptConnection(t);
    const path = `/${what.replaceAll(" ", "-")}`;
    acts[path] = (socket) => {
      socket.write(head);
      // What comes in place of an answer, should it be asked again.
      acts["/next"] = (other) => {
        other.write(other === socket ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" : kOk);
      };
    };
    const empty = await exchange(gateway, path, { agent });
    assert.equal(empty.status, 204);
    assert.ok(empty.isWhole);
    assert.equal(empty.body, "");
    assert.equal(empty.headers["content-length"], undefined);
    const next = await exchange(gateway, "/next", { agent });
    assert.equal(next.body, "ok");
    assert.ok(next.reused, "the client's connection is kept");
  });
}

test("idle connections that the origin cuts all the time cost no GET", async () => {
  let answered = 0;
  acts["/often"] = (socket) => {
    const isUsedAgain = asked.get("/often").indexOf(socket) < asked.get("/often").length - 1;
    if (isUsedAgain) {
      // The request has come and is not answered: the worst moment.
      socket.resetAndDestroy();
      return;
    }
    ++answered;
    socket.write(kOk);
    if (answered % 3 === 1) socket.end();
    if (answered % 3 === 2) setImmediate(() => socket.resetAndDestroy());
  };
  for (let i = 0; i < 300; ++i) {
    const { status, body } = await exchange(gateway, "/often");
    assert.deepEqual([i, status, body], [i, 200, "ok"]);
  }
  assert.ok(asked.get("/often").length > 300, "some were cut with a request on them");
});

test("a request that was sent and not answered: GET is tried again, POST is not", async (t) => {
  const fresh = await startGateway(t, origin.url);  // Without idle connections to the origin.
  for (const [method, path, most] of [
    ["GET", "/unanswered-get", 2],
    ["DELETE", "/unanswered-delete", 2],
    ["POST", "/unanswered-post", 1],
    ["PATCH", "/unanswered-patch", 1],
  ]) {
    acts[path] = (socket) => socket.end();
    const body = most === 1 ? "content" : undefined;
    assert.equal((await exchange(fresh, path, { method, body })).status, 502);
    assert.equal(asked.get(path).length, most, method);
  }
  acts["/second"] = (socket) => (asked.get("/second").length === 1 ? socket.end() : socket.write(kOk));
  assert.equal((await exchange(fresh, "/second")).body, "ok");
  assert.equal(asked.get("/second").length, 2);
});

test("an answer in segments of seven bytes, each late, passes whole", async () => {
  const content = "The quick brown fox jumps over the lazy dog. ".repeat(4);
  const whole = `${kChunkedHead}${content.length.toString(16)};a=b\r\n${content}\r\n0\r\nx-sum: 7\r\n\r\n`;
  acts["/segments"] = async (socket) => {
    await pause(150);
    for (let at = 0; at < whole.length; at += 7) {
      socket.write(whole.slice(at, at + 7));
      await pause(5);
    }
  };
  const answer = await exchange(gateway, "/segments");
  assert.equal(answer.body, content);
  assert.ok(answer.isWhole);
});

test("an answer with any one byte of it corrupted is an answer, 502 or a cut, and never other content", async () => {
  const head = kChunkedHead.slice(0, -2) + "X-Field: value\r\n\r\n";
  const whole = head + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
  const outcomes = { whole: 0, refused: 0, cut: 0 };
  acts["/corrupted"] = () => {};
  for (let at = 0; at < whole.length; ++at) {
    const wrong = String.fromCharCode(whole.charCodeAt(at) ^ 0x15);
    acts["/corrupted"] = (socket) => {
      socket.end(whole.slice(0, at) + wrong + whole.slice(at + 1), "latin1");
    };
    const answer = await exchange(gateway, "/corrupted");
    if (!answer.isWhole) {
      ++outcomes.cut;
    } else if (answer.status === 502) {
      ++outcomes.refused;
    } else {
      ++outcomes.whole;
      const isInContent = /[a-z ]/.test(whole[at]);
      if (at >= head.length && !isInContent) assert.equal(answer.body, "hello world", `byte ${at}`);
    }
  }
  assert.ok(outcomes.whole > 5 && outcomes.refused > 20 && outcomes.cut > 5, JSON.stringify(outcomes));
  assert.equal((await exchange(gateway, "/ok")).body, "ok");
});

const kUpload = "y".repeat(8 * 1024 * 1024);

test("an origin that answers before the upload has ended, and reads on, is heard", async (t) => {
  acts["/early"] = (socket) => socket.write(kOk);
  const answer = await exchange(gateway, "/early", { method: "POST", body: kUpload });
  assert.equal(answer.status, 200);
  assert.equal(answer.body, "ok");
  assert.ok(answer.isWhole);
});

test("an origin that refuses an upload and reads no more of it is heard", async (t) => {
  acts["/refused"] = (socket) => {
    socket.pause();
    socket.write("HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!");
  };
  const client = await connect(t, gateway);
  client.socket.write(
    `POST /refused HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${kUpload.length}\r\n\r\n${kUpload}`,
  );
  await client.ended;
  assert.match(client.text, /^HTTP\/1\.1 413 [^]*\r\n\r\nno!$/);
});

test("a port that nobody listens on becomes 502 and one whose connections hang 504", async (t) => {
  // Its queue of connections is full: what else comes is not answered at all.
  const hanging = spawn("python3", ["-c", `
import socket, sys
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen(0)
print(listener.getsockname()[1], flush=True); sys.stdin.read()`]);
  t.after(() => hanging.kill("SIGKILL"));
  const [line] = await once(hanging.stdout, "data");
  const port = Number(line.toString());
  const fillers = [1, 2].map(() => net.connect(port, "127.0.0.1"));
  await once(fillers[0], "connect");
  t.after(() => fillers.forEach((filler) => filler.destroy()));

  const unused = net.createServer().listen(0, "127.0.0.1");
  await once(unused, "listening");
  const { port: closedPort } = unused.address();
  unused.close();
  for (const [target, status] of [[port, 504], [closedPort, 502]]) {
    const agent = keptConnection(t);
    const before = await startGateway(t, `http://127.0.0.1:${target}`);
    const failed = await exchange(before, "/", { agent });
    assert.equal(failed.status, status);
    const next = await exchange(before, "/", { agent });
    assert.equal(next.status, status);
    assert.ok(next.reused, "the client's connection is kept");
  }
});

test("it has outlived all of that, and drains", async () => {
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  assert.equal(gateway.stderr, "");
});
