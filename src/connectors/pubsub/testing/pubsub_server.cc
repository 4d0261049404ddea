#include "connectors/pubsub/testing/pubsub_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/strings.h"
#include "connectors/pubsub/connection_internal.h"

extern char** environ;

namespace millrace::pubsub {
namespace {

namespace fs = std::filesystem;
namespace wire = google::pubsub::v1;

struct Child {
  pid_t process = -1;
  int input = -1;
  int output = -1;
};

Child Spawn(std::vector<std::string> arguments) {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  Child child{.input = in[1], .output = out[0]};
  if (posix_spawnp(&child.process, argv[0], &actions, nullptr, argv.data(), environ) != 0) {
    std::abort();
  }
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  return child;
}

// Reads lines until one contains `text`; "" at the end of the output.
std::string LineWith(int output, std::string_view text) {
  std::string line;
  for (char c; read(output, &c, 1) == 1;) {
    if (c != '\n') {
      line += c;
      continue;
    }
    if (line.find(text) != std::string::npos) return line;
    line.clear();
  }
  return "";
}

// Free a moment ago. Google's emulator cannot be asked which port it took.
int FreePort() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(socket, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  close(socket);
  return ntohs(address.sin_port);
}

std::string CacheFolder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != 0)
    return cache;
  const char* home = std::getenv("HOME");
  return StrCat(home == nullptr ? "" : home, "/.cache");
}

std::string FindEmulatorJar() {
  std::error_code none;
  for (const auto& entry :
       fs::directory_iterator("/usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib", none)) {
    const std::string path = entry.path().string();
    if (path.find("cloud-pubsub-emulator-") != std::string::npos && path.ends_with("-all.jar")) {
      return path;
    }
  }
  return "";
}

bool HasJava() {
  return access("/usr/bin/java", X_OK) == 0 || access("/usr/local/bin/java", X_OK) == 0;
}

template <typename Request, typename Method>
void Create(const ConnectionOptions& options, const Request& request, Method method) {
  Connection connection(options);
  Request reply;
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
  const grpc::Status status = method(connection.rpc(), context, request, reply);
  if (status.ok()) return;
  std::cerr << "creating " << request.name() << ": " << status.error_message() << "\n";
  std::abort();
}

}  // namespace

std::unique_ptr<PubsubServer> PubsubServer::StartPstest() {
  const std::string program = CacheFolder() + "/millrace/servers/pstest-2.8.0-2/pstest";
  if (access(program.c_str(), X_OK) != 0) return nullptr;
  const Child child = Spawn({program});
  const std::string line = LineWith(child.output, "address");
  const size_t begin = line.find("127.0.0.1");
  if (begin == std::string::npos) std::abort();
  return std::unique_ptr<PubsubServer>(
      new PubsubServer(child.process, child.input, child.output, /*ends_with_input=*/true,
                       line.substr(begin, line.find('"', begin) - begin)));
}

std::unique_ptr<PubsubServer> PubsubServer::StartEmulator() {
  const std::string jar = FindEmulatorJar();
  if (jar.empty() || !HasJava()) return nullptr;
  const int port = FreePort();
  const Child child =
      Spawn({"java", "-Xmx256m", "-jar", jar, "--host=127.0.0.1", StrCat("--port=", port)});
  if (LineWith(child.output, "Server started").empty()) std::abort();
  return std::unique_ptr<PubsubServer>(new PubsubServer(child.process, child.input, child.output,
                                                        /*ends_with_input=*/false,
                                                        StrCat("127.0.0.1:", port)));
}

PubsubServer::PubsubServer(pid_t process, int input, int output, bool ends_with_input,
                           std::string address)
    : process_(process),
      input_(input),
      ends_with_input_(ends_with_input),
      address_(std::move(address)),
      reader_([output] {
        for (char block[4096]; read(output, block, sizeof(block)) > 0;) continue;
        close(output);
      }) {}

PubsubServer::~PubsubServer() {
  close(input_);
  if (!ends_with_input_) kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

void PubsubServer::CreateTopic(const std::string& topic) {
  wire::Topic request;
  request.set_name(topic);
  Create(options(), request, [](auto& rpc, auto& context, const auto& out, auto& reply) {
    return rpc.publisher->CreateTopic(&context, out, &reply);
  });
}

void PubsubServer::CreateSubscription(const std::string& subscription, const std::string& topic,
                                      int ack_deadline_seconds, bool exactly_once) {
  wire::Subscription request;
  request.set_name(subscription);
  request.set_topic(topic);
  request.set_ack_deadline_seconds(ack_deadline_seconds);
  request.set_enable_exactly_once_delivery(exactly_once);
  Create(options(), request, [](auto& rpc, auto& context, const auto& out, auto& reply) {
    return rpc.subscriber->CreateSubscription(&context, out, &reply);
  });
}

}  // namespace millrace::pubsub
