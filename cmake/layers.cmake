# Which module may use which: the one table. A module not listed to the right of another is invisible to it.
set(LAYER_base           "")
set(LAYER_query          base)
set(LAYER_machines       base query)
set(LAYER_runtime        base)
set(LAYER_store          base query runtime)
set(LAYER_store_sql      base query runtime store)
set(LAYER_store_postgres base query runtime store store_sql)
set(LAYER_store_sqlite   base query runtime store store_sql)
set(LAYER_store_simulated base query runtime store)
set(LAYER_services       base runtime)
set(LAYER_history        base query machines store services runtime)
set(LAYER_matching       base services runtime)
set(LAYER_frontend       base query services store runtime)
# Who calls and what he may do; asked by the transports.
set(LAYER_auth           base)
set(LAYER_cluster        base services runtime)
set(LAYER_rpc            base services cluster frontend runtime auth)
set(LAYER_server         base query machines runtime store store_postgres store_sqlite services history
                         matching frontend cluster rpc auth)
set(LAYER_sim            base query machines runtime store store_simulated services history matching frontend
                         cluster)
# A gRPC client: main (server) links it beside the server, neither sees the other.
set(LAYER_cli            base)
# The C++ worker SDK: nothing of the engine's, but for tests that run the engine itself.
set(LAYER_sdk_core       "")
set(LAYER_sdk_coro       "")
set(LAYER_sdk_client     sdk_core sdk_coro)
set(LAYER_sdk_worker     sdk_core sdk_coro sdk_client)
set(LAYER_sdk_replayer   sdk_core sdk_coro)
set(LAYER_sdk_testing    base runtime store store_simulated services history matching frontend
                         sdk_core sdk_coro sdk_client sdk_worker sdk_replayer)
