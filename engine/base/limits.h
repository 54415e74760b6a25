// Limits of one namespace: settings give the defaults, a namespace may override. Value.
// Source of the defaults: Temporal's dynamic configuration.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace perdure::base {

struct Limits {
  int64_t blob_size_bytes = 2 << 20;
  int64_t memo_size_bytes = 2 << 20;
  int64_t state_size_bytes = 8 << 20;
  int64_t history_size_bytes = 50 << 20;
  int64_t history_size_suggest_bytes = 4 << 20;
  int64_t history_count = 51200;
  int64_t history_count_suggest = 4096;
  int64_t pending_activities = 2000;
  int64_t pending_children = 2000;
  int64_t pending_signals = 2000;
  int64_t pending_cancels = 2000;
  int64_t signals_per_execution = 10000;
  int64_t updates_in_flight = 10;
  int64_t updates_total = 2000;
  int64_t buffered_events = 100;
  int64_t buffered_bytes = 2 << 20;
  int64_t buffered_queries = 1;
  int64_t id_length = 1000;
  int64_t search_attribute_keys = 100;
  int64_t search_attribute_value_bytes = 2 << 10;
  int64_t search_attribute_total_bytes = 40 << 10;
  int64_t callbacks_per_execution = 32;
  int64_t links_per_request = 10;
  int64_t link_size_bytes = 4000;
  int64_t list_page_size = 1000;
  int64_t history_page_size = 256;
  int64_t history_page_bytes = 2 << 20;
  int64_t blob_size_warn_bytes = 512 << 10;
  int64_t memo_size_warn_bytes = 2 << 10;
  int64_t state_size_warn_bytes = 1 << 20;
  int64_t history_size_warn_bytes = 10 << 20;
  int64_t history_count_warn = 10240;
  // Requests and lists per second, the burst in seconds' worth, and long polls of one kind at once.
  int64_t request_rate = 0;
  int64_t request_burst_ratio = 2;
  int64_t list_rate = 0;
  int64_t request_bytes_rate = 0;  // bytes of requests per second
  int64_t long_polls = 12000;
  absl::Duration workflow_task_timeout = absl::Seconds(10);
  absl::Duration workflow_task_timeout_max = absl::Seconds(120);
  absl::Duration workflow_task_heartbeat_max = absl::Minutes(30);
  absl::Duration workflow_id_reuse_interval = absl::Seconds(1);
  // Attempts of a workflow task after which its timeout grows, and from where and up to what.
  int32_t workflow_task_backoff_attempts = 3;
  absl::Duration workflow_task_backoff_first = absl::Seconds(5);
  absl::Duration workflow_task_backoff_max = absl::Minutes(10);
  absl::Duration long_poll_interval = absl::Seconds(20);
};

}  // namespace perdure::base
