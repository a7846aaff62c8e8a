// Answers REST's `documents:runQuery` as the API reference says ('REST Resource: projects.databases
// .documents'), by the same evaluation that answers it over gRPC.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const {
  StructuredQuery,
  StructuredQueryCompositeFilterOperator,
  StructuredQueryDirection,
  StructuredQueryFieldFilterOperator,
} = require("@firestore-emulator/proto/dist/google/firestore/v1/query.js");

const PATH = /^\/v1\/(projects\/[^/]+\/databases\/[^/]+\/documents(?:\/.+)?):runQuery$/;

class Refusal extends Error {
  constructor(code, status, message) {
    super(message);
    Object.assign(this, { code, status });
  }
}

// Only names that are known may be there: what the stand-in doesn't know is no wrong answer.
function known(object, ...names) {
  const odd = Object.keys(object).find((name) => !names.includes(name));
  if (odd !== undefined) throw new Refusal(400, "INVALID_ARGUMENT", `Unknown name "${odd}"`);
  return object;
}

// Google's clients send numbers.
function enumerated(values, name) {
  if (typeof name === "number") return name;
  if (typeof values[name] !== "number") throw new Refusal(400, "INVALID_ARGUMENT", `no ${name}`);
  return values[name];
}

function field({ fieldPath }) {
  return { field_path: fieldPath };
}

const SENT = {
  stringValue: (text) => ({ string_value: text }),
  integerValue: (text) => ({
    integer_value: Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text),
  }),
  doubleValue: (number) => ({ double_value: Number(number) }),
  booleanValue: (value) => ({ boolean_value: value }),
  nullValue: () => ({ null_value: 0 }),
  bytesValue: (text) => ({ bytes_value: Buffer.from(text, "base64") }),
  referenceValue: (name) => ({ reference_value: name }),
  timestampValue: (text) => ({ timestamp_value: timestamp(text) }),
};

function sent(value) {
  const [[type, content]] = Object.entries(known(value, ...Object.keys(SENT)));
  return SENT[type](content);
}

function timestamp(text) {
  const [, second, fraction = ""] = /^([^.]+?)(?:\.(\d{1,9}))?Z$/.exec(text);
  return { seconds: Date.parse(`${second}Z`) / 1000, nanos: Number(fraction.padEnd(9, "0")) };
}

function filter(where) {
  known(where, "compositeFilter", "fieldFilter");
  if (where.compositeFilter) {
    const { op, filters } = known(where.compositeFilter, "op", "filters");
    const joined = enumerated(StructuredQueryCompositeFilterOperator, op);
    return { composite_filter: { op: joined, filters: filters.map(filter) } };
  }
  const { field: path, op, value } = known(where.fieldFilter, "field", "op", "value");
  const operator = enumerated(StructuredQueryFieldFilterOperator, op);
  return { field_filter: { field: field(path), op: operator, value: sent(value) } };
}

function structuredQuery(query) {
  known(query, "from", "limit", "orderBy", "select", "startAt", "where");
  const { from, limit, orderBy = [], select, startAt, where } = query;
  return StructuredQuery.fromObject({
    from: from.map(({ collectionId }) => ({ collection_id: collectionId })),
    order_by: orderBy.map(({ field: path, direction }) => ({
      field: field(path),
      direction: enumerated(StructuredQueryDirection, direction ?? "ASCENDING"),
    })),
    ...(where && { where: filter(where) }),
    ...(limit !== undefined && { limit: { value: limit } }),
    ...(select && { select: { fields: select.fields.map(field) } }),
    ...(startAt && {
      start_at: { before: startAt.before ?? false, values: startAt.values.map(sent) },
    }),
  });
}

function number(value) {
  return Number.isFinite(value) ? value : String(value);
}

function spelled({ seconds, nanos }) {
  const second = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  // 0, 3, 6 or 9 digits (ProtoJSON, 'Timestamp').
  const fraction = String(nanos).padStart(9, "0").replace(/(?:000){1,3}$/, "");
  return fraction ? `${second}.${fraction}Z` : `${second}Z`;
}

function fieldsOf(fields) {
  return Object.fromEntries(Object.entries(fields).map(([name, each]) => [name, stored(each)]));
}

// Takes a value as the stand-in keeps it: {type: "string_value", value: "a"}.
function stored({ type, value }) {
  switch (type) {
    case "null_value":
      return { nullValue: null };
    case "boolean_value":
      return { booleanValue: value };
    case "integer_value":
      return { integerValue: String(value) };
    case "double_value":
      return { doubleValue: number(value) };
    case "timestamp_value":
      return { timestampValue: spelled(value) };
    case "string_value":
      return { stringValue: value };
    case "bytes_value":
      return { bytesValue: Buffer.from(value).toString("base64") };
    case "reference_value":
      return { referenceValue: value };
    case "geo_point_value":
      return { geoPointValue: { latitude: value.latitude, longitude: value.longitude } };
    case "array_value":
      return { arrayValue: value.length ? { values: value.map(stored) } : {} };
    case "map_value":
      return { mapValue: Object.keys(value).length ? { fields: fieldsOf(value) } : {} };
  }
  throw new Refusal(501, "UNIMPLEMENTED", `the stand-in doesn't spell a ${type}`);
}

function answer(state, method, path, body) {
  const [, parent] = (method === "POST" && PATH.exec(path)) || [];
  if (parent === undefined) throw new Refusal(404, "NOT_FOUND", "the stand-in has runQuery only");
  const readTime = new Date().toISOString();
  const { structuredQuery: query } = known(JSON.parse(body), "structuredQuery");
  const documents = state.v1Query(parent, structuredQuery(query));
  if (documents.length === 0) return [{ readTime }];
  return documents.map((document) => ({
    document: {
      name: document.getPath(),
      fields: fieldsOf(document.fields),
      createTime: document.metadata.createdAt.toISOString(),
      updateTime: document.metadata.updatedAt.toISOString(),
    },
    readTime,
  }));
}

// Returns a server, which listens nowhere.
export function restServer(state) {
  return createServer(async (request, response) => {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // the caller broke off
    }
    let [code, content] = [200, undefined];
    try {
      const { pathname } = new URL(request.url, "http://localhost");
      content = answer(state, request.method, decodeURIComponent(pathname), Buffer.concat(chunks));
    } catch (error) {
      const { code: refused = 501, status = "UNIMPLEMENTED", message } = error;
      code = refused;
      // Errors of a method that streams are in an array, too.
      content = [{ error: { code, message, status } }];
    }
    response.writeHead(code, { "Content-Type": "application/json; charset=UTF-8" });
    response.end(JSON.stringify(content));
  });
}
