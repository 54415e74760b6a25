// Listing and counting executions, by the filter language and by the older fixed filters.
#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "frontend/call_table.h"
#include "frontend/checks.h"
#include "frontend/page_tokens.h"
#include "frontend/search_attributes.h"
#include "frontend/visibility_rows.h"
#include "frontend/wire_time.h"
#include "query/attributes.h"

namespace perdure::frontend {
namespace {

namespace enums = temporal::api::enums::v1;
using base::InvalidArgument;
using services::CallContext;
using services::NamespacePtr;
using services::Reply;

struct ListRequest {
  NamespacePtr name_space;
  std::string query;
  int64_t page_size = 0;
  std::string page_token;
};

// Temporal: no page size, or more than the largest, means the largest.
int64_t PageSize(int32_t asked, const services::Limits& limits) {
  const bool is_usable = asked > 0 && asked <= limits.list_page_size;
  return is_usable ? asked : limits.list_page_size;
}

// Reads a page and fills in `Response`, whatever its type: they all have executions and a token.
template <class Response>
void ListPage(const Dependencies& dependencies, ListRequest request, Reply<Response> reply) {
  absl::StatusOr<query::Query> parsed =
      query::ParseQuery(request.query, CustomAttributes(*request.name_space),
                        /*allow_group_by=*/false);
  if (!parsed.ok()) {
    std::move(reply)(parsed.status());
    return;
  }
  absl::StatusOr<std::string> token =
      UnwrapStoreToken(request.page_token, request.name_space->id, request.query);
  if (!token.ok()) {
    std::move(reply)(token.status());
    return;
  }
  store::ListQuery list;
  list.namespace_number = request.name_space->number;
  list.filter = parsed->filter;
  list.page_size = request.page_size;
  list.page_token = *std::move(token);
  dependencies.store.List(
      std::move(list), [&loop = dependencies.loop, request = std::move(request),
                        reply = std::move(reply)](absl::StatusOr<store::ListPage> page) mutable {
        if (!page.ok()) {
          std::move(reply)(page.status());
          return;
        }
        // Turning a thousand rows into a reply is no work for the store's thread.
        loop.Post([page = *std::move(page), request = std::move(request),
                   reply = std::move(reply)]() mutable {
          Response response;
          for (const store::ListedExecution& listed : page.executions) {
            *response.add_executions() = ExecutionInfoFrom(listed, *request.name_space);
          }
          response.set_next_page_token(
              WrapStoreToken(page.next_page_token, request.name_space->id, request.query));
          std::move(reply)(std::move(response));
        });
      });
}

template <class Request, class Response>
void List(const Dependencies& dependencies, const Request& request, Reply<Response> reply) {
  absl::StatusOr<NamespacePtr> name_space =
      ResolveNamespace(dependencies.namespaces, request.namespace_(), NamespaceUse::kAny);
  if (!name_space.ok()) {
    std::move(reply)(name_space.status());
    return;
  }
  ListRequest list;
  list.query = request.query();
  list.page_size = PageSize(request.page_size(), (*name_space)->limits);
  list.page_token = request.next_page_token();
  list.name_space = *std::move(name_space);
  ListPage(dependencies, std::move(list), std::move(reply));
}

// --- The older lists: fixed filters, which become a query

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "''"}}), "'");
}

std::string Timestamp(const google::protobuf::Timestamp& time) {
  return Quoted(absl::FormatTime(absl::RFC3339_full, FromProto(time), absl::UTCTimeZone()));
}

// `field` is StartTime for open runs and CloseTime for closed ones.
absl::Status AddTimeTerms(const temporal::api::filter::v1::StartTimeFilter& filter,
                          absl::string_view field, std::vector<std::string>* terms) {
  const bool has_earliest = filter.has_earliest_time();
  const bool has_latest = filter.has_latest_time();
  if (has_earliest && has_latest &&
      FromProto(filter.earliest_time()) > FromProto(filter.latest_time())) {
    return InvalidArgument("EarliestTime in StartTimeFilter should not be larger than LatestTime.");
  }
  if (has_earliest) {
    terms->push_back(absl::StrCat(field, " >= ", Timestamp(filter.earliest_time())));
  }
  if (has_latest) terms->push_back(absl::StrCat(field, " <= ", Timestamp(filter.latest_time())));
  return absl::OkStatus();
}

template <class Request>
void AddFilterTerms(const Request& request, std::vector<std::string>* terms) {
  if (request.has_execution_filter()) {
    terms->push_back(
        absl::StrCat("WorkflowId = ", Quoted(request.execution_filter().workflow_id())));
    if (!request.execution_filter().run_id().empty()) {
      terms->push_back(absl::StrCat("RunId = ", Quoted(request.execution_filter().run_id())));
    }
  } else if (request.has_type_filter()) {
    terms->push_back(absl::StrCat("WorkflowType = ", Quoted(request.type_filter().name())));
  }
}

absl::StatusOr<std::string> QueryOf(const api::ListOpenWorkflowExecutionsRequest& request) {
  std::vector<std::string> terms = {"ExecutionStatus = 'Running'"};
  PERDURE_RETURN_IF_ERROR(AddTimeTerms(request.start_time_filter(), "StartTime", &terms));
  AddFilterTerms(request, &terms);
  return absl::StrJoin(terms, " AND ");
}

absl::StatusOr<std::string> QueryOf(const api::ListClosedWorkflowExecutionsRequest& request) {
  std::vector<std::string> terms = {"ExecutionStatus != 'Running'"};
  PERDURE_RETURN_IF_ERROR(AddTimeTerms(request.start_time_filter(), "CloseTime", &terms));
  AddFilterTerms(request, &terms);
  if (request.has_status_filter()) {
    const auto status = request.status_filter().status();
    PERDURE_RETURN_IF_ERROR(
        CheckEnum(status, enums::WorkflowExecutionStatus_IsValid, "status_filter.status"));
    const bool is_closed = status != enums::WORKFLOW_EXECUTION_STATUS_UNSPECIFIED &&
                           status != enums::WORKFLOW_EXECUTION_STATUS_RUNNING;
    if (!is_closed) {
      return InvalidArgument("StatusFilter must be specified and must be not Running.");
    }
    terms.push_back(absl::StrCat("ExecutionStatus = ", Quoted(StatusNameOf(status))));
  }
  return absl::StrJoin(terms, " AND ");
}

template <class Request, class Response>
void ListFiltered(const Dependencies& dependencies, const Request& request, Reply<Response> reply) {
  absl::StatusOr<NamespacePtr> name_space =
      ResolveNamespace(dependencies.namespaces, request.namespace_(), NamespaceUse::kAny);
  if (!name_space.ok()) {
    std::move(reply)(name_space.status());
    return;
  }
  absl::StatusOr<std::string> text = QueryOf(request);
  if (!text.ok()) {
    std::move(reply)(text.status());
    return;
  }
  ListRequest list;
  list.query = *std::move(text);
  list.page_size = PageSize(request.maximum_page_size(), (*name_space)->limits);
  list.page_token = request.next_page_token();
  list.name_space = *std::move(name_space);
  ListPage(dependencies, std::move(list), std::move(reply));
}

void Count(const Dependencies& dependencies, const api::CountWorkflowExecutionsRequest& request,
           Reply<api::CountWorkflowExecutionsResponse> reply) {
  absl::StatusOr<NamespacePtr> name_space =
      ResolveNamespace(dependencies.namespaces, request.namespace_(), NamespaceUse::kAny);
  if (!name_space.ok()) {
    std::move(reply)(name_space.status());
    return;
  }
  absl::StatusOr<query::Query> parsed =
      query::ParseQuery(request.query(), CustomAttributes(**name_space), /*allow_group_by=*/true);
  if (!parsed.ok()) {
    std::move(reply)(parsed.status());
    return;
  }
  store::CountQuery count;
  count.namespace_number = (*name_space)->number;
  count.filter = parsed->filter;
  count.group_by = parsed->group_by;
  dependencies.store.Count(
      std::move(count),
      [group_by = parsed->group_by, name_space = *name_space,
       reply = std::move(reply)](absl::StatusOr<store::CountResult> result) mutable {
        if (!result.ok()) {
          std::move(reply)(result.status());
          return;
        }
        std::move(reply)(CountResponseFrom(*result, group_by, *name_space));
      });
}

void GetSearchAttributes(Reply<api::GetSearchAttributesResponse> reply,
                         const NamespaceRegistry& namespaces) {
  api::GetSearchAttributesResponse response;
  auto& keys = *response.mutable_keys();
  for (const auto& [name, type] : query::SystemFields()) {
    keys[name] = static_cast<enums::IndexedValueType>(query::TypeToWire(type));
  }
  for (const auto& [name, type] : query::PredefinedAttributes()) {
    keys[name] = static_cast<enums::IndexedValueType>(query::TypeToWire(type));
  }
  // The request names no namespace: what any of them has.
  for (const NamespacePtr& name_space : namespaces.All()) {
    for (const auto& [name, type] : name_space->search_attributes) {
      keys[name] = static_cast<enums::IndexedValueType>(type);
    }
  }
  std::move(reply)(std::move(response));
}

}  // namespace

void AddVisibilityCalls(CallTable& calls, const Dependencies& dependencies) {
  calls.Add<api::ListWorkflowExecutionsRequest, api::ListWorkflowExecutionsResponse>(
      "ListWorkflowExecutions", [&dependencies](CallContext, const auto& request, auto reply) {
        List(dependencies, request, std::move(reply));
      });
  calls.Add<api::ScanWorkflowExecutionsRequest, api::ScanWorkflowExecutionsResponse>(
      "ScanWorkflowExecutions", [&dependencies](CallContext, const auto& request, auto reply) {
        List(dependencies, request, std::move(reply));
      });
  calls.Add<api::ListOpenWorkflowExecutionsRequest, api::ListOpenWorkflowExecutionsResponse>(
      "ListOpenWorkflowExecutions", [&dependencies](CallContext, const auto& request, auto reply) {
        ListFiltered(dependencies, request, std::move(reply));
      });
  calls.Add<api::ListClosedWorkflowExecutionsRequest, api::ListClosedWorkflowExecutionsResponse>(
      "ListClosedWorkflowExecutions",
      [&dependencies](CallContext, const auto& request, auto reply) {
        ListFiltered(dependencies, request, std::move(reply));
      });
  calls.Add<api::CountWorkflowExecutionsRequest, api::CountWorkflowExecutionsResponse>(
      "CountWorkflowExecutions", [&dependencies](CallContext, const auto& request, auto reply) {
        Count(dependencies, request, std::move(reply));
      });
  calls.Add<api::GetSearchAttributesRequest, api::GetSearchAttributesResponse>(
      "GetSearchAttributes", [&dependencies](CallContext, const auto& request, auto reply) {
        GetSearchAttributes(std::move(reply), dependencies.namespaces);
      });
}

}  // namespace perdure::frontend
