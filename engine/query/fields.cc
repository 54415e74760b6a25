#include "query/filter.h"

namespace perdure::query {

// Temporal: common/searchattribute/sadefs/constants.go.
const AttributeTypes& SystemFields() {
  static const AttributeTypes fields = {
      {"WorkflowId", Type::kKeyword},
      {"RunId", Type::kKeyword},
      {"WorkflowType", Type::kKeyword},
      {"StartTime", Type::kDatetime},
      {"ExecutionTime", Type::kDatetime},
      {"CloseTime", Type::kDatetime},
      {"ExecutionStatus", Type::kKeyword},
      {"TaskQueue", Type::kKeyword},
      {"HistoryLength", Type::kInt},
      {"HistorySizeBytes", Type::kInt},
      {"ExecutionDuration", Type::kInt},
      {"StateTransitionCount", Type::kInt},
      {"ParentWorkflowId", Type::kKeyword},
      {"ParentRunId", Type::kKeyword},
      {"RootWorkflowId", Type::kKeyword},
      {"RootRunId", Type::kKeyword},
  };
  return fields;
}

const AttributeTypes& PredefinedAttributes() {
  static const AttributeTypes attributes = {
      {"BatcherNamespace", Type::kKeyword},
      {"BatcherUser", Type::kKeyword},
      {"BinaryChecksums", Type::kKeywordList},
      {"BuildIds", Type::kKeywordList},
      {"TemporalChangeVersion", Type::kKeywordList},
      {"TemporalExternalPayloadCount", Type::kInt},
      {"TemporalExternalPayloadSizeBytes", Type::kInt},
      {"TemporalNamespaceDivision", Type::kKeyword},
      {"TemporalPauseInfo", Type::kKeywordList},
      {"TemporalReportedProblems", Type::kKeywordList},
      {"TemporalScheduledById", Type::kKeyword},
      {"TemporalScheduledStartTime", Type::kDatetime},
      {"TemporalSchedulePaused", Type::kBool},
      {"TemporalUsedWorkerDeploymentVersions", Type::kKeywordList},
      {"TemporalWorkerDeployment", Type::kKeyword},
      {"TemporalWorkerDeploymentVersion", Type::kKeyword},
      {"TemporalWorkflowVersioningBehavior", Type::kKeyword},
  };
  return attributes;
}

}  // namespace perdure::query
