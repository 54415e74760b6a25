// How a workflow is started: the options of Client::start and its relatives.
//
// Trivially copyable, as all options are (perdure/options.h): texts are views and tables are
// pointers to named objects, which must live until the call returns.
#pragma once

#include <string_view>
#include <type_traits>

#include "perdure/options.h"
#include "perdure/payload.h"

namespace perdure {

// What a start does where a workflow of that id is running. The numbers are the API's.
enum class id_conflict_policy {
  unspecified,  // The server's default: fail.
  fail,
  use_existing,
  terminate_existing,
};

// Which version of a worker's code runs the workflow, against what the version's own behavior says.
struct versioning_override {
  enum class kind { none, pinned, auto_upgrade };
  kind what = kind::none;
  std::string_view deployment_name{};  // Of pinned.
  std::string_view build_id{};
};

struct start_options {
  std::string_view id{};          // A random one, if left out.
  std::string_view task_queue{};  // Required.
  id_reuse_policy id_reuse = id_reuse_policy::unspecified;
  id_conflict_policy id_conflict = id_conflict_policy::unspecified;
  maybe_duration execution_timeout{};  // Of all runs together: retries, cron, continue-as-new.
  maybe_duration run_timeout{};
  maybe_duration task_timeout{};  // Of one workflow task; the server's 10 s, if left out.
  maybe_duration start_delay{};
  retry_policy retry{};  // Left out: a workflow that failed stays failed.
  std::string_view cron{};
  // A worker of this client in this process may take the first task with the start's answer,
  // without a poll.
  bool eager = false;
  const PayloadMap* memo = nullptr;
  const PayloadMap* search_attributes = nullptr;
  const PayloadMap* headers = nullptr;
  std::string_view summary{};  // One line for user interfaces.
  std::string_view details{};  // More lines.
  perdure::priority priority{};
  versioning_override versioning{};
  // Two starts with one request id are one start; a random one, if left out.
  std::string_view request_id{};
};

static_assert(std::is_trivially_copyable_v<start_options>);

}  // namespace perdure
