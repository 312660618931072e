using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using Sgl.Hosting.Internal;

namespace Sgl.Hosting;

/// <summary>Checks <see cref="ServiceListenOptions"/>, files included.</summary>
public sealed class ServiceListenOptionsValidator(ServiceSetup setup) : IValidateOptions<ServiceListenOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, ServiceListenOptions options)
    {
        var errors = new SettingErrors(ServiceListenOptions.SectionName);
        errors.Require(
            options.Address is "*" or "localhost" || IPAddress.TryParse(options.Address, out _),
            nameof(options.Address), $"is '{options.Address}'", "use an IP address, localhost, or * for all addresses");
        Port(nameof(options.Port), options.Port);
        Port(nameof(options.MetricsPort), options.MetricsPort);
        Port(nameof(options.HttpPort), options.HttpPort);
        errors.Require(
            options.HttpPort is null || setup.ServesHttp, nameof(options.HttpPort), $"is set, but the {setup.Name} service has no HTTP API", "remove it");
        var fixedPorts = new[] { options.Port, options.MetricsPort, options.HttpPort }.Where(p => p > 0).ToList();
        errors.Require(
            fixedPorts.Distinct().Count() == fixedPorts.Count, nameof(options.Port), "is equal to another port of this service", "give each its own port");

        AtLeast(nameof(options.MaxReceiveMessageBytes), options.MaxReceiveMessageBytes, 1024);
        AtLeast(nameof(options.MaxSendMessageBytes), options.MaxSendMessageBytes, 1024);
        AtLeast(nameof(options.MaxStreamsPerConnection), options.MaxStreamsPerConnection, 1);
        Duration(nameof(options.KeepAlivePingDelay), options.KeepAlivePingDelay, TimeSpan.FromSeconds(1));
        Duration(nameof(options.KeepAlivePingTimeout), options.KeepAlivePingTimeout, TimeSpan.FromSeconds(1));
        Duration(nameof(options.ShutdownDelay), options.ShutdownDelay, TimeSpan.Zero);
        Duration(nameof(options.DrainTimeout), options.DrainTimeout, TimeSpan.Zero);
        Certificates(options.Tls, errors);
        return errors.ToResult();

        void Port(string key, int? port) => errors.Require(
            port is null or (>= 0 and <= 65535), key, $"is {port?.ToString(CultureInfo.InvariantCulture)}", "use a port from 0 to 65535 (0 lets the system choose)");

        void AtLeast(string key, int value, int least) => errors.Require(
            value >= least, key, FormattableString.Invariant($"is {value}"), FormattableString.Invariant($"use at least {least}"));

        void Duration(string key, TimeSpan value, TimeSpan least) => errors.Require(
            value >= least && value <= TimeSpan.FromDays(1), key, $"is {value}", $"use a time from {least} to one day, as hh:mm:ss");
    }

    private static void Certificates(TlsOptions tls, SettingErrors errors)
    {
        errors.Require(
            string.IsNullOrEmpty(tls.CertificatePath) == string.IsNullOrEmpty(tls.KeyPath),
            "Tls:KeyPath", "and Tls:CertificatePath belong together", "set both for TLS, neither for h2c");
        errors.Require(
            string.IsNullOrEmpty(tls.ClientCaPath) || !string.IsNullOrEmpty(tls.CertificatePath),
            "Tls:ClientCaPath", "is set without Tls:CertificatePath", "client certificates need TLS: set certificate and key");
        if (Readable("Tls:CertificatePath", tls.CertificatePath) & Readable("Tls:KeyPath", tls.KeyPath)
            && !string.IsNullOrEmpty(tls.CertificatePath) && !string.IsNullOrEmpty(tls.KeyPath))
        {
            Loads("Tls:CertificatePath", () => Certificate.Load(tls.CertificatePath, tls.KeyPath), "and Tls:KeyPath cannot be used together");
        }

        if (Readable("Tls:ClientCaPath", tls.ClientCaPath) && !string.IsNullOrEmpty(tls.ClientCaPath))
        {
            Loads("Tls:ClientCaPath", () => Certificate.LoadAuthorities(tls.ClientCaPath), "cannot be used");
        }

        bool Readable(string key, string? path)
        {
            if (string.IsNullOrEmpty(path) || File.Exists(path))
            {
                return true;
            }

            errors.Add(key, $"is '{path}', which does not exist", "give the path of a PEM file");
            return false;
        }

        void Loads(string key, Func<IDisposable?> load, string problem)
        {
            try
            {
                using var loaded = load();
                if (loaded is X509Certificate2 own && !Certificate.IsFor(own, Certificate.ServerAuthentication))
                {
                    errors.Add(key, "is not for servers by its extended key usage", "give a certificate for server authentication");
                }
            }
            catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
            {
                errors.Add(key, $"{problem}: {e.Message.TrimEnd('.')}", "give a PEM certificate and its unencrypted PEM key");
            }
        }
    }
}
