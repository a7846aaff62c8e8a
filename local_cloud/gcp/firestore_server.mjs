// Serves Firestore on loopback until standard input closes: @firestore-emulator/server over gRPC,
// with what it lacks of queries, and over REST on the same port.
//
// It compares text by UTF-16 units, knows no order of types nor of document names, ignores cursors and
// projections, can't read a quoted field path, and keeps 64-bit integers as doubles. The rules here are
// those of the API reference ('StructuredQuery') and of the guide ('Data types', 'Value type ordering').

import { createRequire } from "node:module";
import { createServer } from "node:net";

import { restServer } from "./firestore_rest.mjs";

const require = createRequire(import.meta.url);
const grpc = require("@grpc/grpc-js");
const {
  FirestoreServer,
  FirestoreState,
  FirestoreStateCollection,
  FirestoreStateDocument,
} = require("@firestore-emulator/server");
const protobuf = require("google-protobuf");

const DESCENDING = 2; // StructuredQuery.Direction
const AND = 1; // StructuredQuery.CompositeFilter.Operator
const OPERATORS = {
  // StructuredQuery.FieldFilter.Operator
  1: (order) => order < 0,
  2: (order) => order <= 0,
  3: (order) => order > 0,
  4: (order) => order >= 0,
  5: (order) => order === 0,
};
const NAME = "__name__";

// Integers beyond 2^53 are kept as BigInt; the stand-in checks each with Number.isInteger.
const isInteger = Number.isInteger;
Number.isInteger = (value) => typeof value === "bigint" || isInteger(value);
protobuf.BinaryReader.prototype.readInt64 = function () {
  const text = this.readInt64String();
  return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
};
const writeInt64 = protobuf.BinaryWriter.prototype.writeInt64;
protobuf.BinaryWriter.prototype.writeInt64 = function (field, value) {
  writeInt64.call(this, field, typeof value === "bigint" ? value.toString() : value);
};

// Adding a document to a collection copied the whole collection.
FirestoreStateCollection.prototype.getDocument = function (name) {
  if (!Object.hasOwn(this.documents, name)) {
    if (Object.isFrozen(this.documents)) this.documents = { ...this.documents };
    this.documents[name] = new FirestoreStateDocument(
      this.emitter, this.database, this, name, {}, {},
    );
  }
  return this.documents[name];
};

const RANKS = [
  ["null_value"],
  ["boolean_value"],
  ["integer_value", "double_value"],
  ["timestamp_value"],
  ["string_value"],
  ["bytes_value"],
  ["reference_value"],
  ["geo_point_value"],
  ["array_value"],
  ["map_value"],
];

const RANK = Object.fromEntries(RANKS.flatMap((types, rank) => types.map((type) => [type, rank])));

function compareSimple(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// By UTF-8 bytes: as UTF-16 units, but for surrogates, which stand for what comes after all the others.
function compareText(a, b) {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return at === length ? a.length - b.length : weight(a.charCodeAt(at)) - weight(b.charCodeAt(at));
}

function weight(unit) {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function compareNumbers(a, b) {
  // NaN comes first.
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(b) - Number.isNaN(a);
  return compareSimple(a, b);
}

function comparePaths(a, b) {
  const [left, right] = [a.split("/"), b.split("/")];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const order = compareText(left[at], right[at]);
    if (order) return order;
  }
  return left.length - right.length;
}

// Takes values as the stand-in keeps them: {type: "string_value", value: "a"}.
function compare({ type, value: left }, { type: otherType, value: right }) {
  if (RANK[type] !== RANK[otherType]) return RANK[type] - RANK[otherType];
  switch (type) {
    case "null_value":
      return 0;
    case "boolean_value":
      return left - right;
    case "integer_value":
    case "double_value":
      return compareNumbers(left, right);
    case "timestamp_value":
      return compareSimple(left.seconds, right.seconds) || compareSimple(left.nanos, right.nanos);
    case "string_value":
      return compareText(left, right);
    case "bytes_value":
      return Buffer.compare(left, right);
    case "reference_value":
      return comparePaths(left, right);
  }
  throw new Error(`the stand-in doesn't order by a ${type}`);
}

function fieldName(path) {
  if (/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(path)) return path;
  if (/^`(?:\\[\\`]|[^\\`])+`$/.test(path)) return path.slice(1, -1).replace(/\\([\\`])/g, "$1");
  throw new Error(`the stand-in reads top-level fields only: ${path}`);
}

function reader(path) {
  if (path === NAME) return (document) => ({ type: "reference_value", value: document.getPath() });
  const name = fieldName(path);
  return ({ fields }) => (Object.hasOwn(fields, name) ? fields[name] : undefined);
}

function sentValue(message) {
  const type = Object.keys(RANK).find((each) => message[`has_${each}`]);
  return { type, value: message[type] };
}

function matcher(where) {
  if (where.has_composite_filter) {
    const { op, filters } = where.composite_filter;
    if (op !== AND) throw new Error("the stand-in joins filters by AND only");
    const matchers = filters.map(matcher);
    return (document) => matchers.every((matches) => matches(document));
  }
  if (!where.has_field_filter) throw new Error("the stand-in knows field filters only");
  const { field, op, value } = where.field_filter;
  const operator = OPERATORS[op];
  if (!operator) throw new Error(`the stand-in doesn't know the operator ${op}`);
  const [read, wanted] = [reader(field.field_path), sentValue(value)];
  return (document) => {
    const found = read(document);
    // A range only holds values of its own type.
    return (
      found !== undefined &&
      RANK[found.type] === RANK[wanted.type] &&
      operator(compare(found, wanted))
    );
  };
}

function fieldNames(path) {
  return path.match(/`(?:\\[\\`]|[^\\`])+`|[^.`]+/g).map(fieldName);
}

// Takes fields as the stand-in keeps them, and the names that lead to each wanted one.
function masked(fields, wanted) {
  const kept = {};
  for (const [name, field] of Object.entries(fields)) {
    const within = wanted.filter(([first]) => first === name).map(([, ...rest]) => rest);
    if (within.some((rest) => rest.length === 0)) kept[name] = field;
    else if (within.length && field.type === "map_value") {
      kept[name] = Object.create(field, { value: { value: masked(field.value, within) } });
    }
  }
  return kept;
}

function projected(document, select) {
  const paths = select.fields.map(({ field_path }) => field_path);
  const copy = Object.create(document);
  copy.fields = masked(document.fields, paths.filter((path) => path !== NAME).map(fieldNames));
  return copy;
}

FirestoreState.prototype.v1Query = function (parent, query) {
  const documents = this.getCollection(`${parent}/${query.from[0].collection_id}`);
  const orders = query.order_by.map(({ field, direction }) => ({
    path: field.field_path,
    sign: direction === DESCENDING ? -1 : 1,
  }));
  if (!orders.some(({ path }) => path === NAME)) {
    orders.push({ path: NAME, sign: orders.at(-1)?.sign ?? 1 });
  }
  const readers = orders.map(({ path }) => reader(path));
  const matches = query.has_where ? matcher(query.where) : () => true;
  let rows = documents
    .getAllDocuments()
    .filter((document) => document.metadata.hasExist && matches(document))
    .map((document) => ({ document, keys: readers.map((read) => read(document)) }))
    // An index holds only documents that have its fields.
    .filter(({ keys }) => keys.every((key) => key !== undefined));
  const compareKeys = (left, right) => {
    for (let at = 0; at < Math.min(left.length, right.length); at++) {
      const order = compare(left[at], right[at]) * orders[at].sign;
      if (order) return order;
    }
    return 0;
  };
  rows.sort((a, b) => compareKeys(a.keys, b.keys));
  if (query.has_start_at) {
    const from = query.start_at.values.map(sentValue);
    const { before } = query.start_at;
    rows = rows.filter(({ keys }) => {
      const order = compareKeys(keys, from);
      return before ? order >= 0 : order > 0;
    });
  }
  if (query.has_end_at || query.offset) throw new Error("the stand-in knows no end_at and no offset");
  if (query.has_limit) rows = rows.slice(0, query.limit.value);
  return rows.map(({ document }) => (query.has_select ? projected(document, query.select) : document));
};

const { server, state } = new FirestoreServer();
const grpcConnections = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
const rest = restServer(state);
createServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.once("data", (first) => {
    socket.pause();
    socket.unshift(first);
    // HTTP/2 begins with this (RFC 9113, section 3.4).
    if (first.subarray(0, 3).toString() === "PRI") grpcConnections.injectConnection(socket);
    else {
      rest.emit("connection", socket);
      socket.resume();
    }
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
