// A TCP connection of a test: bytes out, bytes in, nothing added.
#ifndef MILLRACE_NET_TESTING_RAW_CONNECTION_H_
#define MILLRACE_NET_TESTING_RAW_CONNECTION_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

// A response as received; `status` is 0 if the connection ended inside its head.
struct RawResponse {
  int status = 0;
  std::string head;  // with the status line, names as sent
  std::string body;  // chunked bodies are joined
  bool whole = false;

  std::string Header(std::string_view name) const {
    std::string wanted = "\r\n" + std::string(name) + ":";
    auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
    auto at = std::search(head.begin(), head.end(), wanted.begin(), wanted.end(), same);
    if (at == head.end()) return "";
    std::string value(at + wanted.size(), head.end());
    value.resize(value.find("\r\n"));
    return value.substr(std::min(value.size(), value.find_first_not_of(' ')));
  }
};

class RawConnection {
 public:
  // To "http://127.0.0.1:PORT".
  explicit RawConnection(const std::string& url) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(std::atoi(url.substr(url.rfind(':') + 1).c_str()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawConnection() { close(fd_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool connected() const { return connected_; }

  // False if the peer has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(n);
    }
    return true;
  }

  // The next response. `has_body` false: the response to HEAD.
  RawResponse Receive(bool has_body = true) {
    RawResponse reply;
    size_t end;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadSome()) {
        reply.head = std::exchange(in_, "");
        return reply;
      }
    }
    reply.head = in_.substr(0, end + 2);
    in_.erase(0, end + 4);
    reply.status = std::atoi(reply.head.substr(9, 3).c_str());
    if (!has_body || reply.status == 100 || reply.status == 204) {
      reply.whole = true;
    } else if (reply.Header("Transfer-Encoding") == "chunked") {
      ReceiveChunks(&reply);
    } else if (const std::string length = reply.Header("Content-Length"); !length.empty()) {
      reply.whole = Take(std::strtoul(length.c_str(), nullptr, 10), &reply.body);
    } else {
      while (ReadSome()) continue;
      reply.body = std::exchange(in_, "");
      reply.whole = true;
    }
    return reply;
  }

  // True if the peer closes without sending more.
  bool Closed() { return in_.empty() && !ReadSome() && in_.empty(); }
  void StopSending() { shutdown(fd_, SHUT_WR); }

  // One request and its response; sends Content-Length.
  RawResponse Exchange(std::string_view method, std::string_view target,
                       std::string_view headers = "", std::string_view body = "") {
    std::string request(method);
    request.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
    request.append(headers).append("Content-Length: ").append(std::to_string(body.size()));
    request.append("\r\n\r\n").append(body);
    Send(request);
    return Receive(method != "HEAD");
  }

 private:
  bool ReadSome() {
    char bytes[16384];
    const ssize_t n = recv(fd_, bytes, sizeof bytes, 0);
    if (n > 0) in_.append(bytes, n);
    return n > 0;
  }
  bool Take(size_t n, std::string* out) {
    while (in_.size() < n && ReadSome()) continue;
    const bool whole = in_.size() >= n;
    out->append(in_, 0, n);
    in_.erase(0, n);
    return whole;
  }
  void ReceiveChunks(RawResponse* reply) {
    for (;;) {
      size_t end;
      while ((end = in_.find("\r\n")) == std::string::npos) {
        if (!ReadSome()) return;
      }
      const size_t size = std::strtoul(in_.substr(0, end).c_str(), nullptr, 16);
      in_.erase(0, end + 2);
      std::string crlf;
      if (!Take(size, &reply->body) || !Take(2, &crlf)) return;
      if (size == 0) {
        reply->whole = true;
        return;
      }
    }
  }

  int fd_;
  bool connected_ = false;
  std::string in_;
};

}  // namespace millrace

#endif  // MILLRACE_NET_TESTING_RAW_CONNECTION_H_
