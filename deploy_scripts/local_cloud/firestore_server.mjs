// Serves Firestore on loopback until standard input closes: @firestore-emulator/server over gRPC,
// with what it lacks of queries.
//
// It compares text by UTF-16 units, knows no order of types nor of document names, ignores cursors and
// projections, can't read a quoted field path, and keeps 64-bit integers as doubles. The rules here are
// those of the API reference ('StructuredQuery') and of the guide ('Data types', 'Value type ordering').

import { createRequire } from "node:module";

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

function kindOf(value) {
  return Object.keys(value).find((key) => value[key] !== undefined);
}

function rankOf(value) {
  return RANKS.findIndex((kinds) => kinds.includes(kindOf(value)));
}

function compareSimple(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareText(a, b) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
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

// Values are as toV1ValueObject gives them: {string_value: "a"}.
function compare(a, b) {
  const ranks = rankOf(a) - rankOf(b);
  if (ranks) return ranks;
  const [left, right] = [a[kindOf(a)], b[kindOf(b)]];
  switch (kindOf(a)) {
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
  throw new Error(`the stand-in doesn't order by a ${kindOf(a)}`);
}

function fieldName(path) {
  if (/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(path)) return path;
  if (/^`(?:\\[\\`]|[^\\`])+`$/.test(path)) return path.slice(1, -1).replace(/\\([\\`])/g, "$1");
  throw new Error(`the stand-in reads top-level fields only: ${path}`);
}

function valueOf(document, path) {
  if (path === NAME) return { reference_value: document.getPath() };
  const name = fieldName(path);
  return Object.hasOwn(document.fields, name) ? document.fields[name].toV1ValueObject() : undefined;
}

// Its own toObject names every kind, the others with their defaults.
function plain(message) {
  const kind = RANKS.flat().find((each) => message[`has_${each}`]);
  return { [kind]: message[kind] };
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
  const wanted = plain(value);
  return (document) => {
    const found = valueOf(document, field.field_path);
    // A range only holds values of its own type.
    return found !== undefined && rankOf(found) === rankOf(wanted) && operator(compare(found, wanted));
  };
}

function projected(document, select) {
  const names = new Set(select.fields.map(({ field_path }) => field_path).filter((p) => p !== NAME).map(fieldName));
  const fields = Object.entries(document.fields).filter(([name]) => names.has(name));
  const copy = Object.create(document);
  copy.fields = Object.fromEntries(fields);
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
  const matches = query.has_where ? matcher(query.where) : () => true;
  let rows = documents
    .getAllDocuments()
    .filter((document) => document.metadata.hasExist && matches(document))
    .map((document) => ({ document, keys: orders.map(({ path }) => valueOf(document, path)) }))
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
    const from = query.start_at.values.map(plain);
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

const { server } = new FirestoreServer();
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port);
});
process.stdin.on("end", () => process.exit()).resume();
