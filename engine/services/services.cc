// The interfaces have no code; this file makes sure that they compile together.
#include "services/history_service.h"
#include "services/matching_service.h"
#include "services/queue_config.h"
