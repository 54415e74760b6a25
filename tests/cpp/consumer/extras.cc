// The targets beside perdure::sdk: that they link, and that what they bring is there.
#include <cstdio>

#include "perdure/prometheus_metrics.h"
#include "perdure/remote_codec.h"

int main() {
  perdure::PrometheusMetrics metrics;
  const std::pair<std::string_view, std::string_view> labels[] = {{"kind", "lamp"}};
  metrics.count("orders", labels, 2);
  metrics.serve("127.0.0.1:0");
  const bool is_counted = metrics.text().find("orders{kind=\"lamp\"} 2") != std::string::npos;
  // Nothing listens there.
  perdure::RemoteCodec codec({.endpoint = "http://127.0.0.1:1/codec"});
  bool is_refused = false;
  try {
    codec.encode({perdure::Payload{}});
  } catch (const perdure::Error& error) {
    is_refused = std::string_view(error.what()).find("127.0.0.1:1") != std::string_view::npos;
  }
  std::printf("counted: %d, refused: %d\n", is_counted, is_refused);
  return is_counted && is_refused ? 0 : 1;
}
