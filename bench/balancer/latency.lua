-- Tells more percentiles than wrk does by itself, in microseconds.
done = function(_, latency)
  io.write(string.format("percentiles %d %d %d %d\n", latency:percentile(50), latency:percentile(90),
    latency:percentile(99), latency:percentile(99.9)))
end
