// operator namespace …, operator search-attribute …, operator cluster ….
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/arguments.h"
#include "cli/workflow_commands.h"
#include "grpc/health/v1/health.pb.h"
#include "perdure/cluster/v1/service.pb.h"
#include "temporal/api/operatorservice/v1/request_response.pb.h"
#include "temporal/api/workflowservice/v1/request_response.pb.h"

namespace perdure::cli {
namespace {

namespace api = temporal::api::workflowservice::v1;
namespace enums = temporal::api::enums::v1;
namespace cluster_api = perdure::cluster::v1;
namespace operator_api = temporal::api::operatorservice::v1;

constexpr absl::Duration kDrainMax = absl::Seconds(30);
constexpr absl::Duration kDrainLook = absl::Milliseconds(100);

void PrintDone(absl::string_view what, Format format) {
  if (format == Format::kTable) {
    PrintLine(what);
  } else {
    PrintJson(Json::object(), format);
  }
}

// --- Namespaces

struct NamespaceFlags {
  std::string name;  // as an argument; otherwise --namespace
  std::string description;
  std::string email;
  std::string retention;
  std::vector<std::string> data;
  bool is_agreed = false;

  std::string NameOr(const Client& client) const {
    return name.empty() ? client.name_space() : name;
  }
};

std::string RetentionText(const google::protobuf::Duration& retention) {
  return absl::FormatDuration(absl::Seconds(retention.seconds()));
}

void PrintNamespace(const api::DescribeNamespaceResponse& response, Format format) {
  if (format != Format::kTable) {
    PrintJson(ToJson(response), format);
    return;
  }
  const auto& info = response.namespace_info();
  PrintFields({{"NamespaceInfo.Name", info.name()},
               {"NamespaceInfo.Id", info.id()},
               {"NamespaceInfo.Description", info.description()},
               {"NamespaceInfo.OwnerEmail", info.owner_email()},
               {"NamespaceInfo.State",
                ShortEnum(enums::NamespaceState_Name(info.state()), "NAMESPACE_STATE_")},
               {"Config.WorkflowExecutionRetentionTtl",
                RetentionText(response.config().workflow_execution_retention_ttl())},
               {"IsGlobalNamespace", response.is_global_namespace() ? "true" : "false"}});
}

absl::Status CreateNamespace(Client& client, Format format, const NamespaceFlags& flags) {
  api::RegisterNamespaceRequest request;
  request.set_namespace_(flags.NameOr(client));
  request.set_description(flags.description);
  request.set_owner_email(flags.email);
  absl::Status status =
      FillDuration("--retention", flags.retention.empty() ? "72h" : flags.retention,
                   request.mutable_workflow_execution_retention_period());
  if (!status.ok()) return status;
  const auto data = ReadPairs(flags.data);
  if (!data.ok()) return data.status();
  request.mutable_data()->insert(data->begin(), data->end());
  auto response =
      client.Call<api::RegisterNamespaceResponse>(kWorkflowService, "RegisterNamespace", request);
  if (response.ok()) {
    PrintDone(absl::StrCat("Namespace ", request.namespace_(), " successfully registered."),
              format);
  }
  return response.status();
}

absl::Status DescribeNamespace(Client& client, Format format, const NamespaceFlags& flags) {
  api::DescribeNamespaceRequest request;
  request.set_namespace_(flags.NameOr(client));
  auto response =
      client.Call<api::DescribeNamespaceResponse>(kWorkflowService, "DescribeNamespace", request);
  if (response.ok()) PrintNamespace(*response, format);
  return response.status();
}

absl::Status ListNamespaces(Client& client, Format format) {
  api::ListNamespacesRequest request;
  std::vector<Json> all;
  do {
    auto page =
        client.Call<api::ListNamespacesResponse>(kWorkflowService, "ListNamespaces", request);
    if (!page.ok()) return page.status();
    for (const auto& name_space : page->namespaces()) {
      if (format == Format::kTable) {
        PrintNamespace(name_space, format);
        PrintLine("");
      } else {
        all.push_back(ToJson(name_space));
      }
    }
    request.set_next_page_token(page->next_page_token());
  } while (!request.next_page_token().empty());
  if (format != Format::kTable) PrintJsonList(all, format);
  return absl::OkStatus();
}

absl::Status UpdateNamespace(Client& client, Format format, const NamespaceFlags& flags) {
  api::UpdateNamespaceRequest request;
  request.set_namespace_(flags.NameOr(client));
  request.mutable_update_info()->set_description(flags.description);
  request.mutable_update_info()->set_owner_email(flags.email);
  if (!flags.retention.empty()) {
    absl::Status status =
        FillDuration("--retention", flags.retention,
                     request.mutable_config()->mutable_workflow_execution_retention_ttl());
    if (!status.ok()) return status;
  }
  const auto data = ReadPairs(flags.data);
  if (!data.ok()) return data.status();
  request.mutable_update_info()->mutable_data()->insert(data->begin(), data->end());
  auto response =
      client.Call<api::UpdateNamespaceResponse>(kWorkflowService, "UpdateNamespace", request);
  if (response.ok()) {
    PrintDone(absl::StrCat("Namespace ", request.namespace_(), " update succeeded."), format);
  }
  return response.status();
}

absl::Status DeleteNamespace(Client& client, Format format, const NamespaceFlags& flags) {
  operator_api::DeleteNamespaceRequest request;
  request.set_namespace_(flags.NameOr(client));
  if (!Confirm(flags.is_agreed, absl::StrCat("Delete namespace ", request.namespace_(),
                                             " with all its workflows?"))) {
    return absl::CancelledError("nothing was deleted");
  }
  auto response = client.Call<operator_api::DeleteNamespaceResponse>(kOperatorService,
                                                                     "DeleteNamespace", request);
  if (response.ok()) {
    PrintDone(absl::StrCat("Namespace ", request.namespace_(), " has been deleted."), format);
  }
  return response.status();
}

void AddNamespaceCommands(CLI::App& operate, const SessionPtr& session) {
  CLI::App& group = *operate.add_subcommand("namespace", "Create, show, change, delete.");
  group.fallthrough();
  group.require_subcommand(1);
  using Run = absl::Status (*)(Client&, Format, const NamespaceFlags&);
  const auto add = [&group, &session](const char* name, const char* description, Run run,
                                      bool is_change) -> std::pair<CLI::App*, NamespaceFlags*> {
    CLI::App& command = *group.add_subcommand(name, description);
    auto flags = std::make_shared<NamespaceFlags>();
    command.add_option("name", flags->name, "Namespace; otherwise --namespace.");
    if (is_change) {
      command.add_option("--description", flags->description, "Description.");
      command.add_option("--email", flags->email, "Owner.");
      command.add_option("--retention", flags->retention, "How long closed runs are kept: 72h.");
      command.add_option("--data", flags->data, "KEY=VALUE.")->allow_extra_args(false);
    }
    OnCommand(command, session,
              [flags, run](Client& client, Format format) { return run(client, format, *flags); });
    return {&command, flags.get()};
  };
  add("create", "Register a namespace.", &CreateNamespace, /*is_change=*/true);
  add("describe", "Show a namespace.", &DescribeNamespace, /*is_change=*/false);
  add("update", "Change a namespace.", &UpdateNamespace, /*is_change=*/true);
  const auto [erase, flags] =
      add("delete", "Delete a namespace.", &DeleteNamespace, /*is_change=*/false);
  erase->add_flag("-y,--yes", flags->is_agreed, "Do not ask.");
  CLI::App& list = *group.add_subcommand("list", "List namespaces.");
  OnCommand(list, session, &ListNamespaces);
}

// --- Search attributes

struct AttributeFlags {
  std::vector<std::string> names;
  std::vector<std::string> types;
  bool is_agreed = false;
};

absl::Status CreateAttributes(Client& client, Format format, const AttributeFlags& flags) {
  if (flags.names.size() != flags.types.size()) {
    return absl::InvalidArgumentError("each --name needs a --type");
  }
  operator_api::AddSearchAttributesRequest request;
  request.set_namespace_(client.name_space());
  for (size_t i = 0; i < flags.names.size(); ++i) {
    const auto type = EnumValue("--type", flags.types[i], *enums::IndexedValueType_descriptor(),
                                "INDEXED_VALUE_TYPE_");
    if (!type.ok()) return type.status();
    (*request.mutable_search_attributes())[flags.names[i]] =
        static_cast<enums::IndexedValueType>(*type);
  }
  auto response = client.Call<operator_api::AddSearchAttributesResponse>(
      kOperatorService, "AddSearchAttributes", request);
  if (response.ok()) PrintDone("Search attributes have been added", format);
  return response.status();
}

absl::Status ListAttributes(Client& client, Format format) {
  operator_api::ListSearchAttributesRequest request;
  request.set_namespace_(client.name_space());
  auto response = client.Call<operator_api::ListSearchAttributesResponse>(
      kOperatorService, "ListSearchAttributes", request);
  if (!response.ok()) return response.status();
  if (format != Format::kTable) {
    PrintJson(ToJson(*response), format);
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto* attributes : {&response->system_attributes(), &response->custom_attributes()}) {
    for (const auto& [name, type] : *attributes) {
      rows.push_back({name, ShortEnum(enums::IndexedValueType_Name(type), "INDEXED_VALUE_TYPE_")});
    }
  }
  std::sort(rows.begin(), rows.end());
  rows.insert(rows.begin(), {"Name", "Type"});
  PrintTable(rows);
  return absl::OkStatus();
}

absl::Status RemoveAttributes(Client& client, Format format, const AttributeFlags& flags) {
  if (!Confirm(flags.is_agreed, "Remove the search attributes?")) {
    return absl::CancelledError("nothing was removed");
  }
  operator_api::RemoveSearchAttributesRequest request;
  request.set_namespace_(client.name_space());
  for (const std::string& name : flags.names) request.add_search_attributes(name);
  auto response = client.Call<operator_api::RemoveSearchAttributesResponse>(
      kOperatorService, "RemoveSearchAttributes", request);
  if (response.ok()) PrintDone("Search attributes have been removed", format);
  return response.status();
}

void AddAttributeCommands(CLI::App& operate, const SessionPtr& session) {
  CLI::App& group = *operate.add_subcommand("search-attribute", "Create, list, remove.");
  group.fallthrough();
  group.require_subcommand(1);

  CLI::App& create = *group.add_subcommand("create", "Register search attributes.");
  auto created = std::make_shared<AttributeFlags>();
  create.add_option("--name", created->names, "Name.")->required()->allow_extra_args(false);
  create
      .add_option("--type", created->types,
                  "Text, Keyword, Int, Double, Bool, Datetime or KeywordList.")
      ->required()
      ->allow_extra_args(false);
  OnCommand(create, session, [created](Client& client, Format format) {
    return CreateAttributes(client, format, *created);
  });

  CLI::App& list = *group.add_subcommand("list", "List search attributes.");
  OnCommand(list, session, &ListAttributes);

  CLI::App& remove = *group.add_subcommand("remove", "Remove search attributes.");
  auto removed = std::make_shared<AttributeFlags>();
  remove.add_option("--name", removed->names, "Name.")->required()->allow_extra_args(false);
  remove.add_flag("-y,--yes", removed->is_agreed, "Do not ask.");
  OnCommand(remove, session, [removed](Client& client, Format format) {
    return RemoveAttributes(client, format, *removed);
  });
}

// --- The cluster

absl::Status Health(Client& client, Format format) {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("temporal.api.workflowservice.v1.WorkflowService");
  auto response =
      client.Call<grpc::health::v1::HealthCheckResponse>(kHealthService, "Check", request);
  if (!response.ok()) return response.status();
  const bool is_serving = response->status() == grpc::health::v1::HealthCheckResponse::SERVING;
  if (format == Format::kTable) {
    PrintLine(grpc::health::v1::HealthCheckResponse::ServingStatus_Name(response->status()));
  } else {
    PrintJson(ToJson(*response), format);
  }
  return is_serving ? absl::OkStatus() : absl::UnavailableError("the server is not serving");
}

absl::Status DescribeCluster(Client& client, Format format) {
  auto response = client.Call<api::GetClusterInfoResponse>(kWorkflowService, "GetClusterInfo",
                                                           api::GetClusterInfoRequest());
  if (!response.ok()) return response.status();
  if (format != Format::kTable) {
    PrintJson(ToJson(*response), format);
    return absl::OkStatus();
  }
  PrintTable({{"ClusterName", "ClusterId", "PersistenceStore", "VisibilityStore"},
              {response->cluster_name(), response->cluster_id(), response->persistence_store(),
               response->visibility_store()}});
  return absl::OkStatus();
}

absl::StatusOr<cluster_api::DescribeMembersResponse> AskForMembers(Client& client) {
  return client.Call<cluster_api::DescribeMembersResponse>(kClusterService, "DescribeMembers",
                                                           cluster_api::DescribeMembersRequest());
}

absl::Status ListMembers(Client& client, Format format) {
  const auto response = AskForMembers(client);
  if (!response.ok()) return response.status();
  if (format != Format::kTable) {
    PrintJson(ToJson(*response), format);
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {
      {"Incarnation", "Node", "Address", "Roles", "Shards", "State"}};
  for (const auto& member : response->members()) {
    rows.push_back({absl::StrCat(member.incarnation()), member.node_name(), member.address(),
                    absl::StrJoin(member.roles(), ","), absl::StrCat(member.shards()),
                    member.is_leaving() && member.shards() == 0 ? "drained"
                    : member.is_leaving()                       ? "leaving"
                    : member.answers()                          ? "serving, answers"
                                                                : "serving"});
  }
  PrintTable(rows);
  return absl::OkStatus();
}

// Neighbours of one owner in one line.
absl::Status ListShards(Client& client, Format format) {
  const auto response = AskForMembers(client);
  if (!response.ok()) return response.status();
  if (format != Format::kTable) {
    PrintJson(ToJson(*response), format);
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {{"Shards", "Incarnation"}};
  const auto& owners = response->owners();
  for (int begin = 0; begin < owners.size();) {
    int end = begin + 1;
    while (end < owners.size() && owners[end] == owners[begin]) ++end;
    rows.push_back({end == begin + 1 ? absl::StrCat(begin) : absl::StrCat(begin, "-", end - 1),
                    owners[begin] == 0 ? std::string("nobody") : absl::StrCat(owners[begin])});
    begin = end;
  }
  PrintTable(rows);
  return absl::OkStatus();
}

struct DrainFlags {
  std::string node;
  bool is_undone = false;
};

// By incarnation, address or name, as `members` shows them.
absl::StatusOr<cluster_api::DescribeMembersResponse::Member> FindMember(Client& client,
                                                                        const std::string& node) {
  const auto response = AskForMembers(client);
  if (!response.ok()) return response.status();
  std::vector<cluster_api::DescribeMembersResponse::Member> found;
  for (const auto& member : response->members()) {
    if (node == absl::StrCat(member.incarnation()) || node == member.address()) return member;
    if (node == member.node_name()) found.push_back(member);
  }
  if (found.size() == 1) return found[0];
  return found.empty()
             ? absl::NotFoundError(absl::StrCat("no node is called ", node, ": see `members`"))
             : absl::InvalidArgumentError(absl::StrCat(found.size(), " nodes are called ", node,
                                                       ": name one by its incarnation"));
}

// Returns when the node has nothing any more.
absl::Status DrainNode(Client& client, const DrainFlags& flags) {
  const auto member = FindMember(client, flags.node);
  if (!member.ok()) return member.status();
  cluster_api::DrainMemberRequest request;
  request.set_incarnation(member->incarnation());
  request.set_undo(flags.is_undone);
  const auto begun =
      client.Call<cluster_api::DrainMemberResponse>(kClusterService, "DrainMember", request);
  if (!begun.ok()) return begun.status();
  if (flags.is_undone) {
    PrintLine(absl::StrCat("Node ", member->incarnation(), " takes its share again."));
    return absl::OkStatus();
  }
  for (const absl::Time until = absl::Now() + kDrainMax; absl::Now() < until;
       absl::SleepFor(kDrainLook)) {
    const auto now = FindMember(client, absl::StrCat(member->incarnation()));
    if (!now.ok()) return now.status();
    if (now->shards() > 0 || !now->is_leaving()) continue;
    PrintLine(absl::StrCat("Node ", member->incarnation(),
                           " is drained: stop it, or let it take its share again with --undo."));
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError("the node still has shards: see `members`");
}

absl::Status DescribeSystem(Client& client, Format format) {
  auto response = client.Call<api::GetSystemInfoResponse>(kWorkflowService, "GetSystemInfo",
                                                          api::GetSystemInfoRequest());
  if (!response.ok()) return response.status();
  if (format != Format::kTable) {
    PrintJson(ToJson(*response), format);
    return absl::OkStatus();
  }
  const auto& capabilities = response->capabilities();
  PrintTable({{"ServerVersion", "SupportsSchedules", "UpsertMemo", "EagerWorkflowStart"},
              {response->server_version(), capabilities.supports_schedules() ? "true" : "false",
               capabilities.upsert_memo() ? "true" : "false",
               capabilities.eager_workflow_start() ? "true" : "false"}});
  return absl::OkStatus();
}

void AddClusterCommands(CLI::App& operate, const SessionPtr& session) {
  CLI::App& group = *operate.add_subcommand("cluster", "Health and facts of the server.");
  group.fallthrough();
  group.require_subcommand(1);
  OnCommand(*group.add_subcommand("health", "Is it serving?"), session, &Health);
  OnCommand(*group.add_subcommand("describe", "What cluster is it?"), session, &DescribeCluster);
  OnCommand(*group.add_subcommand("members", "Which nodes live, and what is theirs?"), session,
            &ListMembers);
  OnCommand(*group.add_subcommand("shards", "Which node owns which shard?"), session, &ListShards);
  CLI::App& drain = *group.add_subcommand("drain", "Let a node hand over all that it has.");
  auto drained = std::make_shared<DrainFlags>();
  drain.add_option("--node", drained->node, "Incarnation, address or name, see `members`.")
      ->required();
  drain.add_flag("--undo", drained->is_undone, "Let it take its share again.");
  OnCommand(drain, session,
            [drained](Client& client, Format) { return DrainNode(client, *drained); });
  OnCommand(*group.add_subcommand("system", "What can it do?"), session, &DescribeSystem);
}

}  // namespace

void AddOperatorCommands(CLI::App& app, const SessionPtr& session) {
  AddNamespaceCommands(app, session);
  AddAttributeCommands(app, session);
  AddClusterCommands(app, session);
}

}  // namespace perdure::cli
