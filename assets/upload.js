/* Sends files to the server as one stream of pieces, read from the disk as they are sent: nothing is held in memory, and an
 * upload that was interrupted goes on where the server says that it stands. */
(function () {
  "use strict";

  const nnvis = (window.nnvis = window.nnvis || {});
  const TRIES = 8;
  class Refused extends Error {}

  async function ask(method, address, body, signal) {
    const options = { method: method, signal: signal };
    if (body instanceof Blob) {
      options.body = body;
      options.headers = { "Content-Type": "application/octet-stream" };
    } else if (body !== undefined) {
      options.body = JSON.stringify(body);
      options.headers = { "Content-Type": "application/json" };
    }
    const answer = await fetch(address, options);
    if (!answer.ok) throw new Error("The server answered " + answer.status + ".");
    return answer.json();
  }
  nnvis.ask = ask;

  /* The bytes from `start` to `stop` of all files one after the other, as a Blob that refers to them. */
  function piece(files, start, stop) {
    const parts = [];
    let position = 0;
    for (const { file } of files) {
      const end = position + file.size;
      if (end > start && position < stop) parts.push(file.slice(Math.max(0, start - position), Math.min(file.size, stop - position)));
      if (position >= stop) break;
      position = end;
    }
    return new Blob(parts);
  }

  const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  /* Uploads [{path, file}]; `report(received, total)` after each piece. Resolves to the upload's id. */
  nnvis.upload = async function (files, report, signal) {
    const begun = await ask("POST", "uploads", { files: files.map(({ path, file }) => [path, file.size]) }, signal);
    if (begun.problem) throw new Error(begun.problem);
    const address = "uploads/" + begun.id;
    const leave = () => fetch(address, { method: "DELETE", keepalive: true });
    window.addEventListener("pagehide", leave);
    try {
      await sendAll(files, begun, address, report, signal);
    } catch (error) {
      leave().catch(() => null);
      throw error;
    } finally {
      window.removeEventListener("pagehide", leave);
    }
    return begun.id;
  };

  async function sendAll(files, begun, address, report, signal) {
    let received = 0;
    let tries = 0;
    report(0, begun.total);
    while (received < begun.total) {
      try {
        const body = piece(files, received, Math.min(begun.total, received + begun.piece));
        const answer = await ask("PUT", address + "?offset=" + received, body, signal);
        if (answer.received === undefined) throw new Refused(answer.problem);
        received = answer.received; // where the server stands, also when a piece came twice
        tries = 0;
        report(received, begun.total);
      } catch (error) {
        tries += 1;
        if (signal.aborted || error instanceof Refused || tries > TRIES) throw error;
        await wait(100 * 2 ** tries); // the connection was lost: 0.2 s to 26 s
      }
    }
  }

  /* Files of a drop, with the paths inside the folder that was dropped; hidden ones are left out. */
  nnvis.dropped = async function (transfer) {
    const items = Array.from(transfer.items).filter((item) => item.kind === "file");
    const entries = items.map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    if (!entries.length) return items.map((item) => item.getAsFile()).map((file) => ({ path: file.name, file: file }));
    const files = [];
    async function walk(entry, path) {
      if (entry.name.startsWith(".")) return;
      if (entry.isFile) {
        const file = await new Promise((done, failed) => entry.file(done, failed));
        files.push({ path: path + entry.name, file: file });
        return;
      }
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((done, failed) => reader.readEntries(done, failed));
        if (!some.length) return;
        for (const child of some) await walk(child, path + entry.name + "/");
      }
    }
    for (const entry of entries) await walk(entry, "");
    return files;
  };

  nnvis.chosen = (list) =>
    Array.from(list, (file) => ({ path: file.webkitRelativePath || file.name, file: file })).filter(
      ({ path }) => !path.split("/").some((part) => part.startsWith("."))
    );
})();
