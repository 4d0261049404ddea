// The Firestore stand-in as a program, for end-to-end tests:
//   firestore_fake [FAULT:PROBABILITY]...   (aborted, unavailable, reply_lost)
// Prints {"url": "http://127.0.0.1:PORT"} and serves until SIGTERM or SIGINT.
#include <signal.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

#include "connectors/firestore/testing/fake_firestore.h"

int main(int argc, char** argv) {
  using millrace::firestore::Fault;
  const std::map<std::string, Fault, std::less<>> names = {{"aborted", Fault::kAborted},
                                                           {"unavailable", Fault::kUnavailable},
                                                           {"reply_lost", Fault::kResponseLost}};
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // for the server's threads too

  millrace::firestore::FakeFirestoreOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    const size_t colon = argument.find(':');
    const auto fault = names.find(argument.substr(0, colon));
    if (fault == names.end() || colon == std::string_view::npos) {
      std::cerr << "firestore_fake: no such fault: " << argument << "\n";
      return 2;
    }
    options.faults[fault->second] = std::atof(argv[i] + colon + 1);
  }
  const millrace::firestore::FakeFirestore server(options);
  std::cout << "{\"url\": \"" << server.url() << "\"}" << std::endl;
  int signal = 0;
  sigwait(&ends, &signal);
  return 0;
}
