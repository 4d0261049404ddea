// Real Pub/Sub servers as child processes, for tests that speak gRPC to them.
#ifndef MILLRACE_CONNECTORS_PUBSUB_TESTING_PUBSUB_SERVER_H_
#define MILLRACE_CONNECTORS_PUBSUB_TESTING_PUBSUB_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>

#include "connectors/pubsub/connection.h"

namespace millrace::pubsub {

class PubsubServer {
 public:
  // pstest, as tools/test_servers.sh builds it. Null if it is not there: skip the test.
  static std::unique_ptr<PubsubServer> StartPstest();
  // Google's emulator, of an installed Google Cloud CLI with Java. Null if either is missing.
  static std::unique_ptr<PubsubServer> StartEmulator();
  ~PubsubServer();  // ends the process
  PubsubServer(const PubsubServer&) = delete;
  PubsubServer& operator=(const PubsubServer&) = delete;

  ConnectionOptions options() const { return {.address = address_, .plaintext = true}; }
  // Both abort the test program on failure.
  void CreateTopic(const std::string& topic);
  void CreateSubscription(const std::string& subscription, const std::string& topic,
                          int ack_deadline_seconds = 10, bool exactly_once = false);

 private:
  // Takes the descriptors of the process's standard input and output.
  PubsubServer(pid_t process, int input, int output, bool ends_with_input, std::string address);

  const pid_t process_;
  const int input_;
  const bool ends_with_input_;
  const std::string address_;
  std::jthread reader_;  // of its output, which must not fill the pipe
};

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_TESTING_PUBSUB_SERVER_H_
