// Hostile programs: whatever model-written code tries, it reaches nothing, leaves nothing and is
// never taken for right. Skipped, with the reason, where there is no sandbox.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/base/clock.h"
#include "core/task/answer_verifier.h"
#include "tests/core/task/task_fixture.h"

namespace retort {
namespace {

constexpr const char* kLimits = "cpu_seconds: 1\nwall_seconds: 30\nmemory_mib: 256\nprocesses: 4\n";

std::unique_ptr<AnswerVerifier> CodeFromYaml(const std::string& keys) {
  const auto document = ConfigDocument::Parse(StrCat("name: code\n", keys), "test.yaml", {});
  std::unique_ptr<AnswerVerifier> verifier = MakeAnswerVerifier(document->Root());
  document->Finish();
  return verifier;
}

/// Command lines of all processes that hold `marker`.
int ProcessesWith(const std::string& marker) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    std::stringstream line;
    line << file.rdbuf();  // fails quietly for a process that ends meanwhile
    found += line.str().find(marker) != std::string::npos ? 1 : 0;
  }
  return found;
}

/// Gone for half a second on end: one that is on its way out may just be changing its name.
bool SoonGone(const std::string& marker) {
  const double deadline = MonotonicSeconds() + 20;
  double last_seen = MonotonicSeconds();
  while (MonotonicSeconds() < deadline) {
    if (ProcessesWith(marker) > 0) last_seen = MonotonicSeconds();
    if (MonotonicSeconds() - last_seen > 0.5) return true;
  }
  return false;
}

class Sandbox : public testing::Test {
 protected:
  void SetUp() override {
    try {
      verifier_ = CodeFromYaml(kLimits);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kUnavailable) throw;
      GTEST_SKIP() << error.what();
    }
  }
  Verdict Run(const std::string& program,
              const std::string& test = "assert attack() == 'blocked'") {
    return verifier_->Compare(test, StrCat("```python\n", program, "\n```"));
  }
  /// `body` is an attempt: an expression that must raise OSError or be false.
  void ExpectBlocked(const std::string& attempt) {
    EXPECT_EQ(Run(StrCat("import ctypes, os, socket, subprocess, resource, signal\n"
                         "libc = ctypes.CDLL(None, use_errno=True)\n"
                         "def attack():\n    try:\n        gained = ",
                         attempt,
                         "\n    except (OSError, ValueError):\n        return 'blocked'\n"
                         "    return repr(gained) if gained else 'blocked'\n")),
              Verdict::kCorrect)
        << attempt;
  }

  std::unique_ptr<AnswerVerifier> verifier_;
};

TEST_F(Sandbox, NothingOfTheHostCanBeRead) {
  const std::string secret = WriteTestFile("secret.txt", "canary");
  for (const std::string& path :
       {secret, std::string("/etc/passwd"), std::string("/proc/1/environ"),
        std::string("/proc/1/mem"), std::string("/proc/1/fd/0"), std::string("/proc/1/maps"),
        "/proc/1/root" + secret, "/proc/self/cwd/.." + secret}) {
    ExpectBlocked(StrCat("open('", path, "', 'rb').read(1)"));
  }
  ExpectBlocked("set(os.listdir('/')) - {'usr', 'bin', 'lib', 'lib64', 'proc', 'dev', 'tmp'}");
  ExpectBlocked("os.listdir('/tmp')");
  ExpectBlocked("os.path.exists(os.path.expanduser('~root')) or os.path.exists('/home')");
  ExpectBlocked("[p for p in os.listdir('/proc') if p.isdigit() and int(p) > 20]");
  ExpectBlocked("os.symlink('/proc/1/root', '/tmp/out') or os.listdir('/tmp/out')");
}

TEST_F(Sandbox, EnvironmentAndDescriptorsDoNotComeAlong) {
  setenv("RETORT_TEST_SECRET", "canary", 1);
  const std::string path = WriteTestFile("open.txt", "canary");
  FILE* leaked = std::fopen(path.c_str(), "r");  // without close-on-exec
  ExpectBlocked("set(os.environ) - {'PWD', 'LC_CTYPE'}");
  ExpectBlocked(
      "[fd for fd in range(3, 256) if fd != 200 and "
      "os.path.exists(f'/dev/fd/{fd}')]");
  ExpectBlocked("os.read(3, 1)");
  std::fclose(leaked);
  unsetenv("RETORT_TEST_SECRET");
}

TEST_F(Sandbox, NothingOutsideCanBeWritten) {
  const std::string victim = WriteTestFile("victim.txt", "whole");
  for (const std::string& path :
       {victim, std::string("/usr/x"), std::string("/x"), std::string("/dev/x"),
        std::string("/dev/shm/x"), std::string("/proc/sys/kernel/core_pattern")}) {
    ExpectBlocked(StrCat("open('", path, "', 'w').write('x')"));
  }
  ExpectBlocked("os.remove('/usr/bin/env')");
  EXPECT_EQ(RealEnv().ReadFile(victim), "whole");
}

TEST_F(Sandbox, ThereIsNoNetwork) {
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(server, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(server, 1), 0);
  ASSERT_EQ(getsockname(server, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ExpectBlocked(
      StrCat("socket.create_connection(('127.0.0.1', ", ntohs(address.sin_port), "), 5)"));
  ExpectBlocked("socket.socket(socket.AF_INET6)");
  ExpectBlocked("socket.socket(socket.AF_UNIX)");
  ExpectBlocked("socket.socket(socket.AF_VSOCK)");
  ExpectBlocked("socket.getaddrinfo('localhost', 80)");
  close(server);
}

TEST_F(Sandbox, SystemCallsAroundTheLimitsAreRefused) {
  for (const char* call :
       {"libc.ptrace(16, 1, 0, 0)", "libc.unshare(0x10000000)", "libc.shmget(0, 1 << 30, 0o1600)",
        "libc.memfd_create(b'x', 0)", "libc.mount(b'x', b'/tmp', b'tmpfs', 0, None)",
        "libc.chroot(b'/tmp')", "libc.setns(0, 0)"}) {
    ExpectBlocked(StrCat("(", call, ") + 1"));
  }
  ExpectBlocked("os.setuid(0) or True");
  ExpectBlocked("resource.setrlimit(resource.RLIMIT_CPU, (600, 600)) or True");
  ExpectBlocked("resource.setrlimit(resource.RLIMIT_NPROC, (600, 600)) or True");
  ExpectBlocked(
      "subprocess.run(['/usr/bin/unshare', '-U', 'true'], stderr=subprocess.DEVNULL).returncode "
      "== 0");
}

TEST_F(Sandbox, BombsAreCapped) {
  const std::string forks =
      "import os, time\ndef attack():\n    pids = []\n    try:\n        while len(pids) < 50:\n"
      "            pid = os.fork()\n            if pid == 0:\n                time.sleep(60)\n"
      "                os._exit(0)\n            pids.append(pid)\n    except OSError:\n"
      "        pass\n    return 'blocked' if len(pids) <= 6 else str(len(pids))\n";
  EXPECT_EQ(Run(forks), Verdict::kCorrect);
  const std::string threads =
      "import threading, time\ndef attack():\n    count = 0\n    try:\n        while count < 50:\n"
      "            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
      "            count += 1\n    except RuntimeError:\n        pass\n"
      "    return 'blocked' if count <= 6 else str(count)\n";
  EXPECT_EQ(Run(threads), Verdict::kCorrect);
  EXPECT_EQ(Run("def attack():\n    try:\n        bytearray(1 << 30)\n    except MemoryError:\n"
                "        return 'blocked'\n"),
            Verdict::kCorrect);
  ExpectBlocked("open('/tmp/big', 'wb').write(bytes(17 << 20)) > 16 << 20");
  const std::string fill =
      "def attack():\n    written = 0\n    try:\n        for i in range(20):\n"
      "            with open(f'/tmp/{i}', 'wb', buffering=0) as f:\n"
      "                written += f.write(bytes(8 << 20))\n    except OSError:\n        pass\n"
      "    return 'blocked' if written <= 64 << 20 else str(written)\n";
  EXPECT_EQ(Run(fill), Verdict::kCorrect);
  EXPECT_EQ(Run("while True:\n    import os\n    os.fork()\n"), Verdict::kIncorrect);
  EXPECT_EQ(Run("x = []\nwhile True: x.append(bytes(1 << 20))\n"), Verdict::kIncorrect);
}

TEST_F(Sandbox, EndlessProgramsTimeOut) {
  EXPECT_EQ(Run("while True: pass"), Verdict::kTimeout);
  EXPECT_EQ(Run("def attack():\n    while True: print('flood' * 1000)"), Verdict::kTimeout);
  EXPECT_EQ(Run("import signal\nfor s in (signal.SIGXCPU, signal.SIGTERM, signal.SIGALRM):\n"
                "    signal.signal(s, signal.SIG_IGN)\ndef attack():\n    while True: pass"),
            Verdict::kTimeout);
  EXPECT_EQ(Run("def attack():\n    try:\n        while True: pass\n    except BaseException: pass",
                "try:\n    attack()\nexcept BaseException: pass"),
            Verdict::kTimeout);
  const std::string loop = R"({"tests": [{"input": "", "output": "1"}]})";
  EXPECT_EQ(Run("print(1)\nwhile True: pass", loop), Verdict::kTimeout);
}

TEST_F(Sandbox, SleepersMeetTheWallClock) {
  verifier_ = CodeFromYaml("wall_seconds: 1\n");
  EXPECT_EQ(Run("import time\ntime.sleep(1000)"), Verdict::kTimeout);
  EXPECT_EQ(Run("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"), Verdict::kTimeout);
}

TEST_F(Sandbox, FloodsCrashesAndForgeriesAreWrong) {
  const std::string forge = R"(
import json, os
def attack():
    for value in ('blocked', True, None):
        body = json.dumps({"value": value, "arguments": [None] * 9}).encode()
        os.write(200, b'%08x' % len(body) + body + b'00000000')
    os._exit(0)
)";
  // What is sent is an answer like any other: here the first one is even right.
  EXPECT_EQ(Run(forge), Verdict::kCorrect);
  EXPECT_EQ(Run(forge, "assert attack() == 4\n"), Verdict::kIncorrect);
  for (const char* program :
       {"def attack(): return 'x' * (8 << 20)",
        "def attack():\n    a = []\n    a.append(a)\n"
        "    return a",
        "import ctypes\ndef attack(): return ctypes.string_at(0)",
        "import os\ndef attack(): os.abort()", "import os\ndef attack(): os.closerange(0, 300)",
        "def attack(): return attack()",
        "import os\ndef attack(): os.write(200, b'ffffffff' * 9)\n",
        "import os\ndef attack(): os.write(200, b'00000004nope')\n",
        "import os\ndef attack(): os.write(200, b'00000002{}')\n",
        "import os\ndef attack(): os.kill(-1, 9)", "def attack(): raise SystemExit(0)",
        "import os\nos._exit(0)", "raise SystemExit(0)", "def attack(): raise KeyboardInterrupt",
        "import threading\nthreading.Thread(target=lambda: attack()).start()\ndef attack(): 1 / 0",
        "print('pass')\nprint('nonce pass', flush=True)"}) {
    EXPECT_EQ(Run(program), Verdict::kIncorrect) << program;
  }
  const std::string cases = R"({"tests": [{"input": "", "output": "1"}]})";
  for (const char* program :
       {"print('x' * 10 ** 9)", "while True: print('x' * 10 ** 6)", "import os\nos._exit(0)",
        "import sys\nsys.stdout.buffer.write(bytes(range(256)))", "print(1)\nraise SystemExit(3)",
        "import os, signal\nprint(1, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"}) {
    EXPECT_EQ(Run(program, cases), Verdict::kIncorrect) << program;
  }
}

TEST_F(Sandbox, TestsThatCannotBeCarriedOutAreNoJudgement) {
  const std::string program =
      "from fractions import Fraction\ndef f(g=None): return Fraction(1, 3)";
  EXPECT_EQ(Run(program, "assert f() == 1"), Verdict::kUnverified);
  EXPECT_EQ(Run(program, "assert f(lambda x: x) == 1"), Verdict::kUnverified);
  EXPECT_EQ(Run(program, "assert f( == 1"), Verdict::kUnverified);
  EXPECT_EQ(Run(program, "assert f() > 0"), Verdict::kUnverified);
  EXPECT_EQ(Run(program, "assert f() - 1 < 0"), Verdict::kUnverified);
  EXPECT_EQ(Run(program, "assert {f()}"), Verdict::kUnverified);
  EXPECT_EQ(Run(program, "import no_such_module\nassert f()"), Verdict::kUnverified);
  EXPECT_EQ(Run(program, R"({"tests": ["assert True"], "setup": "import nothing"})"),
            Verdict::kUnverified);
  EXPECT_EQ(Run(program, "{}"), Verdict::kUnverified);
  EXPECT_EQ(Run(program, R"({"tests": []})"), Verdict::kUnverified);
}

TEST_F(Sandbox, NoProcessIsLeftBehind) {
  const std::string marker = StrCat("retort-canary-", getpid());
  const std::string daemon = StrCat(
      "import os\ndef attack():\n    if os.fork() == 0:\n        os.setsid()\n"
      "        if os.fork() == 0: os.execv('/usr/bin/sleep', ['",
      marker, "', '1000'])\n        os._exit(0)\n    return 'blocked'\n");
  EXPECT_EQ(Run(daemon), Verdict::kCorrect);
  EXPECT_TRUE(SoonGone(marker));
}

TEST_F(Sandbox, NoProcessIsLeftBehindWhenThisProgramIsKilled) {
  const std::string marker = StrCat("retort-victim-", getpid());
  const pid_t child = fork();
  if (child == 0) {
    Run(StrCat("import os\nos.execv('/usr/bin/sleep', ['", marker, "', '1000'])"));
    _exit(0);
  }
  const double deadline = MonotonicSeconds() + 20;
  while (ProcessesWith(marker) == 0 && MonotonicSeconds() < deadline) {
  }
  EXPECT_GT(ProcessesWith(marker), 0);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(SoonGone(marker));
}

TEST_F(Sandbox, ManyThreadsMayVerifyAtOnce) {
  std::vector<std::jthread> threads;
  std::array<Verdict, 8> verdicts{};
  for (size_t i = 0; i < verdicts.size(); ++i) {
    threads.emplace_back([&, i] {
      verdicts[i] = Run(StrCat("def attack(): return ", i), "assert attack() % 2 == 0");
    });
  }
  threads.clear();
  for (size_t i = 0; i < verdicts.size(); ++i) {
    EXPECT_EQ(verdicts[i], i % 2 == 0 ? Verdict::kCorrect : Verdict::kIncorrect);
  }
}

TEST(SandboxProbe, WithoutASandboxNothingRuns) {
  const std::string path = std::getenv("PATH");
  const std::string stub = WriteTestFile(
      "bwrap", "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\n");
  std::filesystem::permissions(stub, std::filesystem::perms::all);
  for (const std::string& folder : {ParentPath(stub) + ":" + path, std::string("/nowhere")}) {
    setenv("PATH", folder.c_str(), 1);
    try {
      CodeFromYaml("");
      ADD_FAILURE() << folder;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kUnavailable);
      const std::string message = error.what();
      EXPECT_NE(message.find("bubblewrap"), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      const bool stubbed = folder != "/nowhere";
      EXPECT_EQ(message.find("uid map") != std::string::npos, stubbed) << message;
    }
  }
  setenv("PATH", path.c_str(), 1);
}

TEST(SandboxProbe, TheInterpreterMustBeVisibleInside) {
  EXPECT_NE(ErrorOf([] { CodeFromYaml("python: /opt/python3\n"); }).find("/usr"),
            std::string::npos);
  EXPECT_NE(ErrorOf([] { CodeFromYaml("python: /usr/bin/no-python\n"); }).find("no sandbox"),
            std::string::npos);
}

}  // namespace
}  // namespace retort
