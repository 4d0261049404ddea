#include "stores/testing/test_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "base/strings.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

std::string ServersFolder() {
  if (const char* cache = getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return StrCat(cache, "/millrace/servers/");
  }
  const char* home = getenv("HOME");
  return StrCat(home == nullptr ? "" : home, "/.cache/millrace/servers/");
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  return bound ? ntohs(address.sin_port) : 0;
}

bool TakesConnections(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = Loopback(port);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

}  // namespace

std::unique_ptr<TestServer> TestServer::Start(const TestServerCommand& command, std::string& why) {
  const std::string program = ServersFolder() + command.program;
  if (access(program.c_str(), X_OK) != 0) {
    why = StrCat(command.program, " is not installed; ./dev setup --tests installs it");
    return nullptr;
  }
  std::string folder = (fs::temp_directory_path() / "millrace-server-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    why = "no temporary folder";
    return nullptr;
  }
  for (const char* name : {"/data", "/meta"}) fs::create_directory(folder + name);
  const int port = FreePort();
  std::unique_ptr<TestServer> server(new TestServer(folder, port));

  std::vector<std::string> arguments = {program};
  for (const std::string& argument : command.arguments) {
    arguments.push_back(absl::StrReplaceAll(
        argument, {{"{port}", std::to_string(port)}, {"{folder}", server->folder_}}));
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  server->pid_ = fork();
  if (server->pid_ == 0) {
    for (const auto& [name, value] : command.variables) setenv(name.c_str(), value.c_str(), 1);
    const int log = open((folder + "/server.log").c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  for (int i = 0; i < 3000; ++i) {
    if (TakesConnections(port)) return server;
    absl::SleepFor(absl::Milliseconds(10));
  }
  why = StrCat(command.program, " does not start; see ", folder, "/server.log");
  return nullptr;
}

TestServer::~TestServer() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    for (int i = 0; i < 200 && waitpid(pid_, nullptr, WNOHANG) == 0; ++i) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    if (kill(pid_, SIGKILL) == 0) waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string TestServer::url() const { return StrCat("http://127.0.0.1:", port_); }

}  // namespace millrace
