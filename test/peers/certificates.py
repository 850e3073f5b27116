"""Certificates for the tests' TLS servers, good and bad, made with the openssl program."""
import os
import ssl
import subprocess
import warnings

CONFIG = """
[ca]
default_ca = this
[this]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""


class Certificates:
    def __init__(self, folder):
        self.folder = folder
        self.path("index", "")
        self.path("config", CONFIG.format(folder=folder))
        self.authority = self.self_signed("authority", "the tests' authority")

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)

    def key_options(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.path(name + ".key")]

    def self_signed(self, name, host):
        path = self.path(name + ".pem")
        self.openssl("req", "-x509", *self.key_options(name), "-days", "2", "-subj", f"/CN={host}",
                     "-addext", f"subjectAltName=DNS:{host.split()[0]}", "-out", path)
        return path

    def signed(self, name, host, start="20200101000000Z", end="20491231235959Z"):
        path = self.path(name + ".pem")
        self.openssl("req", "-new", *self.key_options(name), "-subj", f"/CN={host}",
                     "-addext", f"subjectAltName=DNS:{host}", "-out", self.path(name + ".csr"))
        self.openssl("ca", "-batch", "-notext", "-config", self.path("config"),
                     "-cert", self.authority, "-keyfile", self.path("authority.key"),
                     "-startdate", start, "-enddate", end,
                     "-in", self.path(name + ".csr"), "-out", path)
        return path

    def context(self, name, latest=None):
        """What a server with this certificate needs; `latest` is the newest TLS it speaks."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + ".pem"), self.path(name + ".key"))
        if latest:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = context.maximum_version = latest
        return context
