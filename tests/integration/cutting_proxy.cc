#include "cutting_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace millrace {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

// What has arrived; empty if `from` has ended.
std::string Receive(int from) {
  char bytes[16384];
  const ssize_t n = recv(from, bytes, sizeof bytes, 0);
  return {bytes, static_cast<size_t>(n < 0 ? 0 : n)};
}

bool SendAll(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// False if `from` has ended.
bool Pass(int from, int to) {
  const std::string bytes = Receive(from);
  return !bytes.empty() && SendAll(to, bytes);
}

}  // namespace

CuttingProxy::CuttingProxy(const std::string& folder, std::string server)
    : server_(std::move(server)), listener_(socket(AF_UNIX, SOCK_STREAM, 0)) {
  const sockaddr_un address = AddressOf(folder + "/.s.PGSQL.5432");
  bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  listen(listener_, 16);
  acceptor_ = std::thread([this] { Accept(); });
}

CuttingProxy::~CuttingProxy() {
  Release();
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    absl::MutexLock lock(&mutex_);
    for (const int fd : sockets_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& relay : relays_) relay.join();
  for (const int fd : sockets_) close(fd);
  close(listener_);
}

void CuttingProxy::LoseNextAnswer() {
  absl::MutexLock lock(&mutex_);
  lose_ = true;
}

void CuttingProxy::CutAfter(std::string text, bool with_effect) {
  absl::MutexLock lock(&mutex_);
  cut_ = Cut{std::move(text), with_effect};
}

void CuttingProxy::HoldAfter(std::string text) {
  absl::MutexLock lock(&mutex_);
  cut_ = Cut{std::move(text), /*with_effect=*/false, /*hold=*/true};
  released_ = false;
}

void CuttingProxy::Release() {
  absl::MutexLock lock(&mutex_);
  released_ = true;
}

std::optional<CuttingProxy::Cut> CuttingProxy::TakeCut(std::string_view bytes) {
  absl::MutexLock lock(&mutex_);
  if (!cut_ || bytes.find(cut_->text) == std::string_view::npos) return std::nullopt;
  return std::exchange(cut_, std::nullopt);
}

int CuttingProxy::connections() const {
  absl::MutexLock lock(&mutex_);
  return connections_;
}

bool CuttingProxy::TakeLoss() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(lose_, false);
}

void CuttingProxy::Accept() {
  for (;;) {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    relays_.emplace_back([this, client] { Relay(client); });
  }
}

void CuttingProxy::Relay(int client) {
  const int server = socket(AF_UNIX, SOCK_STREAM, 0);
  {
    absl::MutexLock lock(&mutex_);
    ++connections_;
    sockets_.push_back(client);
    sockets_.push_back(server);
  }
  const sockaddr_un address = AddressOf(server_);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    std::optional<Cut> cut;  // at the next request
    bool lose = false;       // the response
    for (;;) {
      pollfd ends[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      if (poll(ends, 2, -1) < 0) break;
      if (ends[0].revents != 0) {
        const std::string bytes = Receive(client);
        if (cut && cut->hold) {
          shutdown(client, SHUT_RDWR);
          absl::MutexLock lock(&mutex_);
          mutex_.Await(absl::Condition(&released_));
          SendAll(server, bytes);
        }
        if (cut && !cut->with_effect) break;
        lose = cut.has_value();
        cut = TakeCut(bytes);
        if (bytes.empty() || !SendAll(server, bytes)) break;
      }
      if (ends[1].revents == 0) continue;
      if (lose || TakeLoss() || !Pass(server, client)) break;
    }
  }
  shutdown(client, SHUT_RDWR);
  shutdown(server, SHUT_RDWR);
}

}  // namespace millrace
