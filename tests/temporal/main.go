// Temporal's own server as its command line's `server start-dev` runs it: all services in one process, SQLite in
// memory, the namespace "default". It takes the same flags, those of them that tests give.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	serverlog "go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"gopkg.in/yaml.v3"
)

const (
	clusterName = "active"
	namespace   = "default"
)

// pairs are flags of the form NAME=VALUE that may be given often.
type pairs map[string]string

func (p pairs) String() string { return "" }
func (p pairs) Set(text string) error {
	name, value, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	p[name] = value
	return nil
}

func main() {
	if len(os.Args) < 3 || os.Args[1] != "server" || os.Args[2] != "start-dev" {
		log.Fatal("usage: temporal server start-dev [--ip IP] [--port PORT] …")
	}
	attributes, values := pairs{}, pairs{}
	flags := flag.NewFlagSet("start-dev", flag.ExitOnError)
	ip := flags.String("ip", "127.0.0.1", "where it listens")
	port := flags.Int("port", 7233, "where it listens")
	flags.Bool("headless", true, "it has no web UI")
	flags.Var(attributes, "search-attribute", "NAME=TYPE")
	flags.Var(values, "dynamic-config-value", "NAME=VALUE, the value in YAML")
	if err := flags.Parse(os.Args[3:]); err != nil {
		log.Fatal(err)
	}
	if err := serve(*ip, *port, attributes, values); err != nil {
		log.Fatal(err)
	}
}

func serve(ip string, port int, attributes, values pairs) error {
	ports, err := freePorts(ip, 4)
	if err != nil {
		return err
	}
	sql, err := database(attributes)
	if err != nil {
		return err
	}
	settings, err := dynamic(values)
	if err != nil {
		return err
	}
	address := func(port int) string { return net.JoinHostPort(ip, fmt.Sprint(port)) }
	conf := &config.Config{
		Persistence: config.Persistence{
			DefaultStore: "sqlite", VisibilityStore: "sqlite", NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{"sqlite": {SQL: sql}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: address(port), HTTPAddress: address(ports[3]),
				ClusterID: uuid.NewString(),
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            map[string]config.Service{},
		PublicClient:        config.PublicClient{HostPort: address(port)},
	}
	conf.Global.Membership.MaxJoinDuration = 30 * time.Second
	conf.Global.Membership.BroadcastAddress = ip
	conf.Archival.History.State = "disabled"
	conf.Archival.Visibility.State = "disabled"
	conf.NamespaceDefaults.Archival.History.State = "disabled"
	conf.NamespaceDefaults.Archival.Visibility.State = "disabled"
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, at := range map[primitives.ServiceName]int{
		primitives.FrontendService: port, primitives.HistoryService: ports[0], primitives.MatchingService: ports[1],
		primitives.WorkerService: ports[2],
	} {
		service := config.Service{RPC: config.RPC{GRPCPort: at, BindOnIP: ip}}
		if name == primitives.FrontendService {
			service.RPC.HTTPPort = ports[3]
		}
		conf.Services[string(name)] = service
		hosts[name] = static.SingleLocalHost(address(at))
	}
	logger := serverlog.NewZapLogger(serverlog.BuildZapLogger(serverlog.Config{Stdout: true, Level: "error"}))
	server, err := temporal.NewServer(
		temporal.WithConfig(conf), temporal.ForServices(temporal.DefaultServices), temporal.WithStaticHosts(hosts),
		temporal.WithLogger(logger), temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithDynamicConfigClient(settings), temporal.InterruptOn(temporal.InterruptCh()))
	if err != nil {
		return err
	}
	return server.Start()
}

// freePorts are taken all at once, so that they differ.
func freePorts(ip string, count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// database is in memory, has the schema and the namespace, and that one the search attributes.
func database(attributes pairs) (*config.SQL, error) {
	conf := &config.SQL{
		PluginName: sqliteplugin.PluginName, DatabaseName: uuid.NewString(),
		ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
	}
	types := map[string]enums.IndexedValueType{}
	for name, text := range attributes {
		kind, err := enums.IndexedValueTypeFromString(text)
		if err != nil {
			return nil, err
		}
		types[name] = kind
	}
	created, err := sqlite.NewNamespaceConfig(clusterName, namespace, false, types)
	if err != nil {
		return nil, err
	}
	return conf, sqlite.CreateNamespaces(conf, created)
}

func dynamic(values pairs) (dynamicconfig.StaticClient, error) {
	settings := dynamicconfig.StaticClient{
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
	}
	for name, text := range values {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return nil, err
		}
		settings[dynamicconfig.MakeKey(name)] = value
	}
	return settings, nil
}
