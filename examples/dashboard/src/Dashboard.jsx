import { useEffect, useState } from "react";

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
const COLORS = ["#037f0c", "#f2a900", "#d13212", "#0972d3", "#8456ce"];

export function Dashboard() {
  const [twin, setTwin] = useState();
  const [error, setError] = useState();
  // IoT App Kit asks no more for what failed once; a new data source does.
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    setTwin(undefined);
    setError(undefined);
    connect().then(setTwin, setError);
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
          <Device key={device.entityId} device={device} source={twin.source} />
        ))}
      </SpaceBetween>
      {/* The canvas that all status timelines draw on. */}
      <WebglContext />
    </TimeSync>
  );
}

/** One device: an error instead of charts that stay empty, if its history can't be read. */
function Device({ source, device: { title, entityId, componentName, numeric, statuses } }) {
  const query = (names) =>
    source.query.timeSeriesData({
      entityId,
      componentName,
      properties: names.map((propertyName) => ({ propertyName })),
    });
  const { dataStreams } = useTimeSeriesData({ queries: [query([...numeric, ...statuses])] });
  const error = dataStreams.find((each) => each.error)?.error;
  return (
    <section aria-label={title}>
      <Container header={<Header description={`${entityId}, ${componentName}`}>{title}</Header>}>
        {error ? (
          <Failed error={{ name: error.type, message: error.msg }} />
        ) : (
          <SpaceBetween size="m">
            <div className="newest">
              {[...numeric, ...statuses].map((name) => (
                <KPI key={name} query={query([name])} settings={{ fontSize: 28 }} significantDigits={5} />
              ))}
            </div>
            <Chart
              id={entityId}
              queries={[query(numeric)]}
              legend={LEGEND}
              size={{ width: 1060, height: 240 }}
            />
            {statuses.map((name) => (
              <div key={name} className="timeline" role="group" aria-label={`${name} over time`}>
                <StatusTimeline queries={[query([name])]} thresholds={colors(dataStreams, name)} />
              </div>
            ))}
          </SpaceBetween>
        )}
      </Container>
    </section>
  );
}

/** Color each value that a property has had. */
function colors(dataStreams, name) {
  const points = dataStreams.filter((each) => each.name === name).flatMap((each) => each.data);
  return [...new Set(points.map((each) => each.y))]
    .sort()
    .map((value, index) => ({ value, comparisonOperator: "EQ", color: COLORS[index % COLORS.length] }));
}

function Failed({ error }) {
  return (
    <Alert type="error" header={error.name}>
      {error.message}
    </Alert>
  );
}
