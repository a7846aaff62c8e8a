import { useEffect, useMemo, useState } from "react";

import {
  Chart,
  KPI,
  StatusTimeline,
  TimeSelection,
  TimeSync,
  WebglContext,
  useTimeSeriesData,
} from "@iot-app-kit/react-components";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { connect } from "./twin.js";
import "./dashboard.css";

const LEGEND = {
  visible: true,
  position: "right",
  width: "320",
  visibleContent: { unit: true, latestValue: true },
};
const USUAL_PAUSE = 10_000;
const LONGEST_PAUSE = 15_000; // if this clock is right
const COLORS = ["#037f0c", "#f2a900", "#d13212", "#0972d3", "#8456ce"];

export function Dashboard() {
  const [twin, setTwin] = useState();
  const [error, setError] = useState();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let current = true;
    const unlessOld = (set) => (got) => current && set(got);
    setTwin(undefined);
    setError(undefined);
    connect().then(unlessOld(setTwin), unlessOld(setError));
    return () => {
      current = false;
    };
  }, [attempt]);
  return (
    <TimeSync initialViewport={{ duration: "3h" }}>
      <SpaceBetween size="l">
        <Header
          variant="h1"
          actions={
            <SpaceBetween direction="horizontal" size="s">
              <TimeSelection hideTitle />
              <Button onClick={() => setAttempt(attempt + 1)}>Read again</Button>
            </SpaceBetween>
          }
        >
          Devices on three clouds
        </Header>
        {error && <Failed error={error} />}
        {twin?.devices.map((device) => (
          <Device key={device.entityId} device={device} twin={twin} />
        ))}
      </SpaceBetween>
      {/* The canvas that all status timelines draw on. */}
      <WebglContext />
    </TimeSync>
  );
}

/** One device: an error instead of charts that stay empty, while its history can't be read. */
function Device({ twin, device }) {
  const { title, entityId, componentName } = device;
  const [{ source, error }, setState] = useState(() => ({ source: twin.newSource() }));
  const failed = (error) => setState({ source, error });
  // IoT App Kit asks no more for what failed once; a new data source does.
  const askAgain = () => twin.probe(device).then(() => setState({ source: twin.newSource() }), failed);
  return (
    <section aria-label={title}>
      <Container header={<Header description={`${entityId}, ${componentName}`}>{title}</Header>}>
        {error ? (
          <Failed error={error} askAgain={askAgain} />
        ) : (
          <Panels source={source} device={device} failed={failed} />
        )}
      </Container>
    </section>
  );
}

function Panels({ source, device: { entityId, componentName, numeric, statuses }, failed }) {
  const query = (names) =>
    source.query.timeSeriesData({
      entityId,
      componentName,
      properties: names.map((propertyName) => ({ propertyName })),
    });
  const { dataStreams } = useTimeSeriesData({ queries: [query([...numeric, ...statuses])] });
  const error = dataStreams.find((each) => each.error)?.error;
  useEffect(() => {
    if (error) failed({ name: error.type, message: error.msg });
  }, [error]);
  return (
    <SpaceBetween size="m">
      <div className="newest">
        {[...numeric, ...statuses].map((name) => (
          <KPI key={name} query={query([name])} settings={{ fontSize: 28 }} significantDigits={5} />
        ))}
      </div>
      {numeric.length > 0 && (
        <Chart id={entityId} queries={[query(numeric)]} legend={LEGEND} size={{ width: 1060, height: 240 }} />
      )}
      {statuses.map((name) => (
        <div key={name} className="timeline" role="group" aria-label={`${name} over time`}>
          <StatusTimeline queries={[query([name])]} thresholds={colors(dataStreams, name)} />
        </div>
      ))}
    </SpaceBetween>
  );
}

/** Color each value that a property has had. */
function colors(dataStreams, name) {
  const points = dataStreams.filter((each) => each.name === name).flatMap((each) => each.data);
  return [...new Set(points.map((each) => each.y))]
    .sort()
    .map((value, index) => ({ value, comparisonOperator: "EQ", color: COLORS[index % COLORS.length] }));
}

/** An error, and when what failed is asked for again, if it is. */
function Failed({ error, askAgain }) {
  const at = useMemo(() => retryTime(error.message), [error]);
  useEffect(() => {
    if (!askAgain) return undefined;
    const timer = setTimeout(askAgain, at - Date.now());
    return () => clearTimeout(timer);
  }, [error]);
  return (
    <Alert type="error" header={error.name}>
      {error.message}
      {askAgain && <div>Asked again at {new Date(at).toLocaleTimeString()}.</div>}
    </Alert>
  );
}

/** The end of the pause that a data connector makes after several failures, by its message; or in a while. */
function retryTime(message) {
  const left = Date.parse(/ before (\S+Z)/.exec(message)?.[1]) - Date.now();
  return Date.now() + (0 < left && left < LONGEST_PAUSE ? left : USUAL_PAUSE);
}
