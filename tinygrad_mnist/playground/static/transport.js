// Messages to Python and its replies: the same over a worker in the page and over a websocket.

/** @typedef {Record<string, any>} Reply */
/** @typedef {{onready: () => void, onreply: (text: string) => void, onfail: (reason: string) => void}} Ends */
/** @typedef {{send: (text: string) => void, close: () => void}} Link */
/** @typedef {{resolve: (reply: Reply) => void, reject: (error: Error) => void}} Waiting */

/** What a worker starts from: taken out of the page once, and given to every worker. */
const parts = () => Object.fromEntries([.../** @type {NodeListOf<HTMLScriptElement>} */ (document.querySelectorAll("script[data-part]"))].map((element) => {
  const { part = "", url, integrity } = element.dataset;
  return [part, url ? { url, integrity } : { text: new Blob([element.text]) }];
}));
/** @type {ReturnType<typeof parts> | undefined} */
let givenParts;

/** @param {Ends} ends @returns {Link} */
function workerLink({ onready, onreply, onfail }) {
  givenParts ??= parts();
  const source = /** @type {HTMLScriptElement} */ (byId("worker")).text;
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(address);
  worker.onmessage = ({ data: { ready, reply, failure } }) => {
    if (ready) onready();
    else if (failure) onfail(failure);
    else onreply(reply);
  };
  worker.onerror = (event) => onfail(event.message || "Python could not be started");
  worker.postMessage({ parts: givenParts });
  return { send: (request) => worker.postMessage({ request }), close: () => { worker.terminate(); URL.revokeObjectURL(address); } };
}

/** @param {Ends} ends @returns {Link} */
function socketLink({ onready, onreply, onfail }) {
  const address = new URL("messages" + location.search, location.href.split(/[?#]/)[0]);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.onopen = onready;
  socket.onmessage = ({ data }) => onreply(data);
  socket.onclose = ({ reason }) => onfail(reason || "the server has gone: start tinygrad-mnist playground again, and open its address");
  return { send: (text) => socket.send(text), close: () => { socket.onclose = null; socket.close(); } };
}

const openLink = document.body.dataset.transport === "websocket" ? socketLink : workerLink;

/** A session with Python: questions and their answers, and an end to whatever it is doing. */
class Engine {
  /** @type {Map<number, Waiting>} */
  waiting = new Map();
  asked = 0;
  /** @type {Link | undefined} */
  link;
  /** @type {Promise<void> | undefined} */
  ready;

  /** Start it, where it is not; resolves when it answers. */
  start() {
    this.ready ??= new Promise((resolve, reject) => {
      this.link = openLink({
        onready: resolve,
        onreply: (text) => this.take(JSON.parse(text)),
        onfail: (reason) => {
          reject(new Error(reason));
          this.stop(reason);
        },
      });
    });
    return this.ready;
  }

  /**
   * The reply to a request; rejects with what Python says is wrong.
   * @param {string} kind
   * @param {Record<string, any>} fields
   * @returns {Promise<Reply>}
   */
  async ask(kind, fields = {}) {
    await this.start();
    const id = ++this.asked;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.link?.send(JSON.stringify({ id, kind, ...fields }));
    });
  }

  /** @param {Reply} reply */
  take(reply) {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if (reply.kind === "error") waiting?.reject(new Error(reply.message));
    else waiting?.resolve(reply);
  }

  /** End it, in the middle of what it does; the next question starts it anew. */
  stop(reason = "stopped") {
    this.link?.close();
    this.link = this.ready = undefined;
    for (const { reject } of this.waiting.values()) reject(new Error(reason));
    this.waiting.clear();
  }
}
