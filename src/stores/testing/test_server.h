// Local servers of the clouds' APIs, from the cache that tools/test_servers.sh fills.
#ifndef MILLRACE_STORES_TESTING_TEST_SERVER_H_
#define MILLRACE_STORES_TESTING_TEST_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

struct TestServerCommand {
  std::string program;                 // below the folder of servers: "azurite-3.35.0/..."
  std::vector<std::string> arguments;  // "{port}", "{folder}" are filled in
  std::vector<std::pair<std::string, std::string>> variables;
};

// One running server with a folder of its own, in which there are "data" and "meta". The destructor
// stops the server and removes the folder.
class TestServer {
 public:
  // Returns once the port accepts connections. Null, with `why` set, if the program is not
  // installed or does not start within half a minute.
  static std::unique_ptr<TestServer> Start(const TestServerCommand& command, std::string& why);
  ~TestServer();

  std::string url() const;  // "http://127.0.0.1:41234"
  const std::string& folder() const { return folder_; }

 private:
  TestServer(std::string folder, int port) : folder_(std::move(folder)), port_(port) {}

  const std::string folder_;
  const int port_;
  pid_t pid_ = -1;
};

}  // namespace millrace

#endif  // MILLRACE_STORES_TESTING_TEST_SERVER_H_
