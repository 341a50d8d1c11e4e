#include "core/task/verifiers/code_harness.h"

namespace retort {

const std::string_view kCodeHarness = R"py(
# Judge and solution are two processes. The judge (process 1 of the sandbox, so that nothing inside
# can kill it, and not dumpable, so that nothing inside can read it) forks the solution before it
# reads the tests: the solution sees arguments, never an expected value, a test or the nonce, and
# what it sends back is data. Values of builtin types travel by value, others as references.
import ctypes, json, operator, os, resource, signal, sys, types

MAX_MESSAGE = 1 << 20
MAX_OUTPUT = 1 << 18
FILE_BYTES = 16 << 20


AMONG_OBJECTS = ("lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow",
                 "matmul", "and", "or", "xor")


class Unsupported(BaseException):
    "A test that this harness cannot carry out: nobody's mistake but its own."


def read_exactly(fd, size):
    data = bytearray()
    while len(data) < size:
        part = os.read(fd, min(size - len(data), 1 << 16))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def receive(fd, limit):
    size = int(read_exactly(fd, 8), 16)
    if size > limit:
        raise ValueError("a message that is too long")
    return json.loads(read_exactly(fd, size))


def send(fd, message, limit):
    data = json.dumps(message).encode()
    if len(data) > limit:
        raise ValueError("a message that is too long")
    data = b"%08x" % len(data) + data
    while data:
        data = data[os.write(fd, data):]


def encode(value, refer):
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value) if -2**53 < value < 2**53 else {"int": hex(value)}
    if isinstance(value, float):
        return float(value)
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, (bytes, bytearray)):
        return {type(value).__name__: value.hex()}
    if isinstance(value, list):
        return [encode(item, refer) for item in value]
    for kind in (tuple, set, frozenset):
        if isinstance(value, kind):
            return {kind.__name__: [encode(item, refer) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(k, refer), encode(v, refer)] for k, v in value.items()]}
    return {"ref": refer(value)}


def decode(data, refer):
    if isinstance(data, list):
        return [decode(item, refer) for item in data]
    if not isinstance(data, dict):
        return data
    (kind, content), = data.items()
    if kind == "dict":
        return {decode(k, refer): decode(v, refer) for k, v in content}
    if kind in ("tuple", "set", "frozenset"):
        return {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](
            decode(item, refer) for item in content)
    if kind in ("bytes", "bytearray"):
        return {"bytes": bytes, "bytearray": bytearray}[kind].fromhex(content)
    if kind == "int":
        return int(content, 16)
    if kind == "complex":
        return complex(float(content[0]), float(content[1]))
    return refer(content)


# ---- the solution's process --------------------------------------------------------------------

OPERATIONS = {"getattr": getattr, "setattr": setattr, "iter": iter, "next": next, "len": len,
              "bool": bool, "str": str, "repr": repr, "isinstance": isinstance, "abs": abs,
              "neg": operator.neg, "getitem": operator.getitem, "eq": operator.eq,
              **{name: getattr(operator, "__%s__" % name) for name in AMONG_OBJECTS}}


class Solution:
    def __init__(self, channel, job):
        self.channel, self.job, self.objects = channel, job, []

    def refer(self, value):
        self.objects.append(value)
        kind = value if isinstance(value, type) else type(value)
        return [len(self.objects) - 1, str(kind.__module__) == "solution"]

    def look_up(self, content):
        return self.objects[content[0]]

    def run(self):
        try:
            self.code = compile(self.job["program"], "solution.py", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return self.reply({"syntax": True})
        if self.job["mode"] == "programs":
            self.reply({"names": {}})
            return self.serve(self.run_program)
        module = sys.modules["solution"] = types.ModuleType("solution")
        try:
            exec(self.code, module.__dict__)
        except BaseException as error:
            return self.reply(self.failure(error))
        self.reply({"names": {name: self.name(value) for name, value
                              in list(module.__dict__.items()) if not name.startswith("__")}})
        self.serve(self.operate)

    def name(self, value):
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        if isinstance(value, type) and issubclass(value, Exception):
            return {"exception": [kind.__name__ for kind in value.__mro__]}
        return {"value": encode(value, self.refer)}

    def serve(self, action):
        while True:
            request = receive(self.channel, MAX_MESSAGE)
            try:
                reply = action(request)
            except BaseException as error:
                reply = self.failure(error)
            self.reply(reply)

    def reply(self, message):
        send(self.channel, message, MAX_MESSAGE)

    def failure(self, error):
        return {"error": [kind.__name__ for kind in type(error).__mro__], "text": str(error)[:1000]}

    def operate(self, request):
        arguments = [decode(data, self.look_up) for data in request["arguments"]]
        keywords = {key: decode(data, self.look_up) for key, data in request["keywords"].items()}
        if request["operation"] == "call":
            value = arguments[0](*arguments[1:], **keywords)
        else:
            value = OPERATIONS[request["operation"]](*arguments)
        return {"value": encode(value, self.refer), "arguments": [
            encode(a, self.refer) if isinstance(a, (list, dict, set, bytearray)) else None
            for a in arguments]}

    def run_program(self, request):
        files = [os.open("/tmp", os.O_TMPFILE | os.O_RDWR) for _ in range(2)]
        with open(files[0], "wb", closefd=False) as file:
            file.write(request["input"].encode("utf-8", "surrogateescape"))
        os.lseek(files[0], 0, os.SEEK_SET)
        pid = os.fork()
        if pid == 0:
            self.become_program(files)
        _, status, usage = os.wait4(pid, 0)
        os.lseek(files[1], 0, os.SEEK_SET)
        output = b""
        while len(output) <= MAX_OUTPUT and (part := os.read(files[1], 1 << 16)):
            output += part
        for file in files:
            os.close(file)
        return {"status": status, "cpu": usage.ru_utime + usage.ru_stime,
                "output": output[:MAX_OUTPUT + 1].decode("utf-8", "replace")}

    def become_program(self, files):
        code = 1
        try:
            limit_cpu(self.job)
            for target, file in enumerate(files):
                os.dup2(file, target)
            os.closerange(3, 256)
            sys.stdin = open(0, encoding="utf-8", errors="surrogateescape")
            sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape")
            module = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(self.code, module.__dict__)
            code = 0
        except SystemExit as error:
            code = 0 if error.code in (None, 0) else 1
        finally:
            try:
                sys.stdout.flush()
            finally:
                os._exit(code)


def limit(kind, value):
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def limit_cpu(job):
    limit(resource.RLIMIT_CPU, job["cpu_seconds"])


def start_solution(job):
    """Forks it; returns its process id and the judge's end of the channel."""
    ours, theirs = __import__("socket").socketpair()
    pid = os.fork()
    if pid != 0:
        theirs.close()
        return pid, ours.detach()
    try:
        channel = os.dup2(theirs.fileno(), 200)
        null = os.open("/dev/null", os.O_RDWR)
        for target in (0, 1, 2):
            os.dup2(null, target)
        os.closerange(3, 200)
        if job["mode"] == "functions":
            limit_cpu(job)
        Solution(channel, job).run()
    finally:
        os._exit(1)


# ---- the judge's process -----------------------------------------------------------------------

class Failed(BaseException):
    "The solution is gone, or what it sent is no answer."


class Timeout(BaseException):
    "It used up its processor time."


class Remote:
    "An object in the solution's process."
    def __init__(self, judge, content):
        object.__setattr__(self, "_judge", judge)
        object.__setattr__(self, "_content", [int(content[0]), bool(content[1])])

    def __call__(self, *arguments, **keywords):
        return self._judge.operate("call", [self, *arguments], keywords)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._judge.operate("getattr", [self, name])

    def __setattr__(self, name, value):
        self._judge.operate("setattr", [self, name, value])

    def __eq__(self, other):
        if isinstance(other, Remote):
            return self._judge.operate("eq", [self, other]) is True
        if not self._content[1]:
            self._judge.stop(Unsupported("a value of a type that does not travel"))
        return False  # a class of the solution's own says nothing about equality with a value

    def __hash__(self):
        self._judge.stop(Unsupported("an object as a key"))

    def __bool__(self):
        return self._judge.operate("bool", [self]) is True

    def __instancecheck__(self, value):
        return isinstance(value, Remote) and (
            self._judge.operate("isinstance", [value, self]) is True)


def forward(name):
    return lambda self, *arguments: self._judge.operate(name, [self, *arguments])


def among_objects(name):
    def operate(self, other):
        if not isinstance(other, Remote):
            self._judge.stop(Unsupported("an operation of an object with a value"))
        return self._judge.operate(name, [self, other])
    return operate


# What an object answers is data, which a cheat would have to know. Whether it equals, exceeds or
# holds a value is for the judge to find out, so no operation shows an object an expected value; to
# search one it is iterated (no __contains__).
for operation in ("iter", "next", "len", "str", "repr", "getitem", "abs", "neg"):
    setattr(Remote, "__%s__" % operation, forward(operation))
for operation in AMONG_OBJECTS:
    setattr(Remote, "__%s__" % operation, among_objects(operation))
    setattr(Remote, "__r%s__" % operation, among_objects(operation))


class Judge:
    def __init__(self, job, pid, channel):
        self.job, self.pid, self.channel = job, pid, channel
        self.over = None  # why it ended, whatever the tests catch
        self.exceptions = {}  # of the solution's own, by name: stand-ins that tests can catch
        self.raised = None  # the last one that came from the solution

    def stop(self, reason):
        self.over = self.over or reason
        raise self.over

    def ask(self, request):
        if self.over:
            raise self.over
        try:
            if request is not None:
                send(self.channel, request, MAX_MESSAGE)
        except ValueError:
            self.stop(Unsupported())
        except OSError:
            pass
        try:
            return receive(self.channel, 2 * MAX_MESSAGE)
        except (EOFError, OSError, ValueError, RecursionError, MemoryError):
            os.kill(self.pid, signal.SIGKILL)
            _, status, usage = os.wait4(self.pid, 0)
            self.check_cpu(status, usage.ru_utime + usage.ru_stime)
            self.stop(Failed())

    def check_cpu(self, status, seconds):
        # The kernel counts in ticks what it reports exactly: up to a tenth apart, measured.
        if os.WIFSIGNALED(status) and float(seconds) > 0.75 * self.job["cpu_seconds"]:
            self.stop(Timeout())

    def refer_argument(self, value):
        if isinstance(value, Remote):
            return value._content
        self.stop(Unsupported("an argument that does not travel"))

    def refer_value(self, content):
        return Remote(self, content)

    def operate(self, operation, arguments, keywords={}):
        reply = self.ask({"operation": operation,
                          "arguments": [encode(a, self.refer_argument) for a in arguments],
                          "keywords": {k: encode(v, self.refer_argument)
                                       for k, v in keywords.items()}})
        if "error" in reply:
            self.raise_error(reply)
        for argument, data in zip(arguments, reply["arguments"]):
            if data is not None:
                self.update(argument, decode(data, self.refer_value))
        return decode(reply["value"], self.refer_value)

    def update(self, argument, value):
        """What a call did to a mutable argument."""
        if type(argument) is not type(value) or argument == value:
            return
        if isinstance(argument, (list, bytearray)):
            argument[:] = value
        else:
            argument.clear()
            argument.update(value)

    def raise_error(self, reply):
        import builtins
        for name in reply["error"]:
            kind = self.exceptions.get(name) or getattr(builtins, str(name), None)
            if isinstance(kind, type) and issubclass(kind, Exception):
                try:
                    self.raised = kind(str(reply["text"]))
                except TypeError:
                    continue
                raise self.raised
        self.stop(Failed())

    def stand_in(self, kinds):
        import builtins
        for name in kinds[1:]:
            base = self.exceptions.get(name) or getattr(builtins, str(name), None)
            if isinstance(base, type) and issubclass(base, Exception):
                break
        kind = self.exceptions[kinds[0]] = type(str(kinds[0]), (base,), {})
        return kind

    def names(self):
        """What the solution defines, as tests may use it: never a builtin by another meaning."""
        import builtins
        reply = self.ask(None)
        if "syntax" in reply:
            return None
        if "error" in reply:
            self.stop(Failed())
        found = {}
        for name, entry in reply["names"].items():
            if hasattr(builtins, name):
                continue
            if "module" in entry:
                if entry["module"] in sys.stdlib_module_names:
                    found[name] = __import__(str(entry["module"]), fromlist=["_"])
            elif "exception" in entry:
                found[name] = self.stand_in(entry["exception"])
            else:
                found[name] = decode(entry["value"], self.refer_value)
        return found

    def functions(self, tests, names):
        trusted = {"__name__": "tests"}
        self.prepare(tests["prefix"], trusted)  # its helpers keep their meaning
        entry = tests["entry_point"]
        trusted.update((name, value) for name, value in names.items()
                       if name not in trusted or name == entry)
        self.prepare(tests["setup"], trusted)
        for test in tests["tests"]:
            exec(compile(test, "test.py", "exec"), trusted)
        return not entry or entry in names

    def prepare(self, code, names):
        try:
            exec(code, names)
        except BaseException as error:
            self.stop(Unsupported(str(error)))

    def programs(self, tests, names):
        for case in tests["cases"]:
            reply = self.ask({"input": case["input"]})
            if "error" in reply:
                return False
            self.check_cpu(reply["status"], reply["cpu"])
            output = reply["output"]
            if reply["status"] != 0 or len(output) > MAX_OUTPUT:
                return False
            if lines(output) != lines(case["output"]):
                return False
        return True

    def verdict(self, tests):
        passed = False
        try:
            for test in tests["tests"]:
                compile(test, "test.py", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return "tests"
        try:
            names = self.names()
            if names is None:
                return "syntax"
            passed = getattr(self, self.job["mode"])(tests, names)
        except ImportError as error:
            if error is not self.raised:
                return "tests"
        except BaseException:
            pass
        if self.over:
            return {Timeout: "timeout", Unsupported: "tests", Failed: "fail"}[type(self.over)]
        return "pass" if passed is True else "fail"


def lines(text):
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


def main():
    if ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) != 0:  # PR_SET_DUMPABLE
        return
    job = receive(0, 1 << 28)
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(job["wall_seconds"] + 5)
    limit(resource.RLIMIT_AS, job["memory_bytes"])
    limit(resource.RLIMIT_NPROC, job["processes"])
    limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    limit(resource.RLIMIT_NOFILE, 256)
    limit(resource.RLIMIT_CORE, 0)
    judge = Judge(job, *start_solution(job))
    tests = receive(0, 1 << 28)
    report = os.fdopen(os.dup(1), "w")
    for stream in (1, 2):  # what the tests print is nobody's verdict
        os.dup2(os.open("/dev/null", os.O_WRONLY), stream)
    print(tests["nonce"], "ready", "%d.%d.%d" % sys.version_info[:3], file=report, flush=True)
    print(tests["nonce"], judge.verdict(tests), file=report, flush=True)
    os._exit(0)


main()
)py";

}  // namespace retort
