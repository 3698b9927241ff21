#!/usr/bin/env python3
"""Tests that a running gateway refuses users without credits. Needs Python 3.8 or newer and nothing else.

Environment:
  ACCOUNTING_URL              the gateway, default http://localhost:3001
  AUTH_URL                    the auth service; when it is set, the tester logs in there:
    AUTH_USERNAME, AUTH_PASSWORD, ADMIN_USERNAME, ADMIN_PASSWORD
  USER_TOKEN, ADMIN_TOKEN     access tokens, when AUTH_URL is not set

Allocates 1 500 credits to the user. Exit code: 0 when every check passed, else 1.
"""

import base64
import http.client
import json
import os
import sys
import urllib.error
import urllib.request

WIDTH = 80
TIMEOUT_SECONDS = 10
ALLOCATED = 1000
ALLOCATED_NON_STREAMING = 500
CHECKED = 100
BEYOND_BALANCE = 1000
# Both names of the amount are in use; the service must take either.
PARAMETER_NAMES = ("credits", "requiredCredits")


class Logger:
    """Prints progress."""

    @staticmethod
    def success(message):
        print(f"[SUCCESS] {message}", flush=True)

    @staticmethod
    def info(message):
        print(f"[INFO] {message}", flush=True)

    @staticmethod
    def warning(message):
        print(f"[WARNING] {message}", flush=True)

    @staticmethod
    def error(message):
        print(f"[ERROR] {message}", flush=True)

    @staticmethod
    def header(message):
        print(f"\n{'=' * WIDTH}\n{message}\n{'=' * WIDTH}", flush=True)


class RequestFailed(Exception):
    """There was no answer, or none that can be read."""


class CreditTester:
    """Asks the services over HTTP. What cannot be confirmed counts as failed."""

    def __init__(self, environment=os.environ):
        self.environment = environment
        self.accounting_url = environment.get("ACCOUNTING_URL", "http://localhost:3001").rstrip("/")
        self.auth_url = environment.get("AUTH_URL", "").rstrip("/")
        self.session = urllib.request.build_opener()
        self.headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self.user_token = ""
        self.admin_token = ""
        self.user_id = ""

    def check_services_health(self):
        Logger.header("CHECKING SERVICES HEALTH")
        services = [("Accounting Service", self.accounting_url)]
        if self.auth_url:
            services.insert(0, ("Authentication Service", self.auth_url))
        healthy = True
        for name, url in services:
            try:
                status, _ = self._request("GET", url + "/health")
            except RequestFailed as error:
                Logger.error(f"{name} at {url}: {error}")
                healthy = False
                continue
            if status == 200:
                Logger.success(f"{name} at {url} is running")
            else:
                Logger.error(f"{name} at {url} answered {status}")
                healthy = False
        if healthy:
            Logger.info(f"Accounting Service version: {self.get_api_version()}")
        return healthy

    def authenticate(self):
        Logger.header("AUTHENTICATING AS USER")
        self.user_token, self.user_id = self._token_of("USER_TOKEN", "AUTH_USERNAME", "AUTH_PASSWORD")
        if self.user_token:
            Logger.success(f"Authenticated as user {self.user_id}")
        return bool(self.user_token)

    def authenticate_admin(self):
        Logger.header("AUTHENTICATING AS ADMIN")
        self.admin_token, admin_id = self._token_of("ADMIN_TOKEN", "ADMIN_USERNAME", "ADMIN_PASSWORD")
        if self.admin_token:
            Logger.success(f"Authenticated as admin {admin_id}")
        return bool(self.admin_token)

    def allocate_credits(self, amount):
        Logger.header("ALLOCATING CREDITS")
        return self._allocate(amount, "Credit check test")

    def allocate_non_streaming_credits(self, amount):
        Logger.header("ALLOCATING NON-STREAMING CREDITS")
        return self._allocate(amount, "Credit check test, non-streaming")

    def check_credit_balance(self):
        Logger.header("CHECKING CREDIT BALANCE")
        try:
            total, allocations = self._balance()
        except RequestFailed as error:
            Logger.error(f"Cannot read the balance: {error}")
            return False
        Logger.info(f"Current balance: {total} credits in {len(allocations)} allocations")
        in_allocations = _exact(sum(_number(each.get("credits")) for each in allocations))
        if in_allocations != total:
            Logger.error(f"The allocations add up to {in_allocations} credits")
            return False
        Logger.success("The allocations add up to the balance")
        return True

    def test_credit_check_endpoint(self):
        Logger.header("TESTING CREDIT CHECK ENDPOINT")
        passed = True
        for name in PARAMETER_NAMES:
            Logger.info(f"Testing credit check with {name}: {CHECKED}")
            passed = self._check({name: CHECKED}, expected=True) and passed
        for body in ({}, {"credits": -1}, {"credits": "many"}):
            Logger.info(f"Testing credit check with {json.dumps(body)}, which is no amount")
            passed = self._check_refused(body) and passed
        return passed

    def test_insufficient_credits(self):
        Logger.header("TESTING INSUFFICIENT CREDITS SCENARIO")
        try:
            current_balance, _ = self._balance()
        except RequestFailed as error:
            Logger.error(f"Cannot read the balance: {error}")
            return False
        required = _exact(current_balance + BEYOND_BALANCE)
        Logger.info(f"Current balance: {current_balance} credits")
        passed = True
        for name in PARAMETER_NAMES:
            Logger.info(f"Testing credit check with {required} credits (more than available)")
            passed = self._check({name: required}, expected=False) and passed
        return passed

    def get_api_version(self):
        try:
            _, body = self._request("GET", self.accounting_url + "/health")
        except RequestFailed:
            return "unknown"
        return str(body.get("version", "unknown"))

    def _token_of(self, token_name, username_name, password_name):
        """The access token and whose it is; two empty texts when there is none."""
        if not self.auth_url:
            token = self.environment.get(token_name, "")
            user_id = _subject_of(token)
            if not user_id:
                Logger.error(f"{token_name} is not set to an access token, and neither is AUTH_URL")
                return "", ""
            return token, user_id
        username = self.environment.get(username_name, "")
        password = self.environment.get(password_name, "")
        try:
            status, body = self._request("POST", self.auth_url + "/api/auth/login", body={"username": username, "password": password})
        except RequestFailed as error:
            Logger.error(f"Login of '{username}': {error}")
            return "", ""
        token = body.get("accessToken")
        user_id = _subject_of(token)
        if status != 200 or not user_id:
            Logger.error(f"Login of '{username}' ({username_name}, {password_name}) answered {status}: {body.get('message')}")
            return "", ""
        return token, user_id

    def _allocate(self, amount, notes):
        """True when the service says so and the balance has grown by exactly that."""
        Logger.info(f"Allocating {amount} credits to user {self.user_id}")
        try:
            before, _ = self._balance()
            status, body = self._request(
                "POST", self.accounting_url + "/api/credits/allocate", self.admin_token,
                {"userId": self.user_id, "credits": amount, "expiryDays": 30, "notes": notes},
            )
            after, _ = self._balance()
        except RequestFailed as error:
            Logger.error(f"Cannot allocate credits: {error}")
            return False
        if status != 201:
            Logger.error(f"The allocation answered {status}: {body.get('message')}")
            return False
        if after != _exact(before + amount):
            Logger.error(f"The balance was {before} before and is {after} after")
            return False
        Logger.success(f"Allocated {amount} credits, expiring at {body.get('expiresAt')}")
        return True

    def _balance(self):
        status, body = self._request("GET", self.accounting_url + "/api/credits/balance", self.user_token)
        allocations = body.get("activeAllocations")
        if status != 200 or not isinstance(allocations, list) or not all(isinstance(each, dict) for each in allocations):
            raise RequestFailed(f"the balance answered {status}: {body.get('message')}")
        return _exact(_number(body.get("totalCredits"))), allocations

    def _check(self, body, expected):
        """Only a plain true or false of `sufficient` is an answer."""
        try:
            status, answer = self._request("POST", self.accounting_url + "/api/credits/check", self.user_token, body)
        except RequestFailed as error:
            Logger.error(f"Credit check failed: {error}")
            return False
        sufficient = answer.get("sufficient")
        said = {True: "sufficient", False: "insufficient"}
        if status != 200 or not isinstance(sufficient, bool):
            Logger.error(f"Credit check answered {status} without saying whether the credits are sufficient")
        elif sufficient is not expected:
            Logger.error(f"Credit check incorrectly reported {said[sufficient]} credits")
        else:
            Logger.success(f"Credit check correctly identified {said[sufficient]} credits")
        Logger.info(json.dumps(answer))
        return status == 200 and sufficient is expected

    def _check_refused(self, body):
        try:
            status, answer = self._request("POST", self.accounting_url + "/api/credits/check", self.user_token, body)
        except RequestFailed as error:
            Logger.error(f"Credit check failed: {error}")
            return False
        if status != 400 or answer.get("sufficient"):
            Logger.error(f"Credit check answered {status}: {json.dumps(answer)}")
            return False
        Logger.success(f"Credit check refused it: {answer.get('message')}")
        return True

    def _request(self, method, url, token="", body=None):
        """The status and the JSON object of the answer, whatever the status."""
        headers = dict(self.headers)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode("utf-8")
        try:
            request = urllib.request.Request(url, data=data, headers=headers, method=method)
            try:
                with self.session.open(request, timeout=TIMEOUT_SECONDS) as response:
                    status, text = response.status, response.read()
            except urllib.error.HTTPError as response:
                with response:
                    status, text = response.code, response.read()
            answer = json.loads(text)
        # ValueError: a URL or an answer that cannot be read.
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RequestFailed(f"{method} {url}: {error}") from error
        if not isinstance(answer, dict):
            raise RequestFailed(f"{method} {url}: the answer is not an object")
        return status, answer


def _subject_of(token):
    """Whose token it is, unverified: verifying is the service's work."""
    try:
        payload = token.split(".")[1]
        subject = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return ""
    return subject if isinstance(subject, str) else ""


def _number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RequestFailed(f"{json.dumps(value)} is not a number of credits")
    return value


def _exact(amount):
    """Credits have six decimals; what floating point adds to them is not theirs."""
    rounded = round(amount, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def main():
    tester = CreditTester()
    # As in the flowchart: nothing works without the first three, so the test ends there.
    preparations = [
        ("Services health", tester.check_services_health),
        ("User authentication", tester.authenticate),
        ("Admin authentication", tester.authenticate_admin),
    ]
    checks = [
        ("Credit allocation", lambda: tester.allocate_credits(ALLOCATED)),
        ("Non-streaming credit allocation", lambda: tester.allocate_non_streaming_credits(ALLOCATED_NON_STREAMING)),
        ("Credit balance", tester.check_credit_balance),
        ("Credit check endpoint", tester.test_credit_check_endpoint),
        ("Insufficient credits scenario", tester.test_insufficient_credits),
    ]
    results = []
    for name, prepare in preparations:
        results.append((name, prepare()))
        if not results[-1][1]:
            break
    else:
        results.extend((name, check()) for name, check in checks)

    Logger.header("TEST REPORT")
    for name, passed in results:
        (Logger.success if passed else Logger.error)(name)
    left_out = len(preparations) + len(checks) - len(results)
    if left_out:
        Logger.warning(f"{left_out} checks were not run")
    failed = sum(not passed for _, passed in results)
    if failed:
        Logger.error("CREDIT CHECK TEST FAILED")
        return 1
    Logger.success("CREDIT CHECK TEST PASSED")
    return 0


if __name__ == "__main__":
    sys.exit(main())
