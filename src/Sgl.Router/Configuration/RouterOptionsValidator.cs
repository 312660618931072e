using Microsoft.Extensions.Options;
using Sgl.Guidance;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Checks <see cref="RouterOptions"/>, the policy file included.</summary>
public sealed class RouterOptionsValidator : IValidateOptions<RouterOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, RouterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var errors = new SettingErrors(RouterOptions.SectionName);
        Backend(nameof(options.Small), options.Small, errors);
        Backend(nameof(options.Large), options.Large, errors);
        Retry(options.Retry, errors);
        Ejection(options.Ejection, errors);
        Policy(options.Policy, errors);
        Http(options.Http, errors);
        Between(errors, nameof(options.MaxConcurrentRequests), options.MaxConcurrentRequests, 1, 1_000_000);
        Time(errors, nameof(options.HealthInterval), options.HealthInterval, TimeSpan.FromMilliseconds(10));
        Time(errors, nameof(options.ProbeTimeout), options.ProbeTimeout, TimeSpan.FromMilliseconds(10));
        Time(errors, nameof(options.DegradeMargin), options.DegradeMargin, TimeSpan.Zero);
        return errors.ToResult();
    }

    private static void Backend(string key, BackendOptions backend, SettingErrors errors)
    {
        var problem = BackendAddress.TryParse(backend.Address, backend.Tls.Enabled, out _);
        errors.Require(
            problem is null, $"{key}:{nameof(backend.Address)}", $"is '{backend.Address}': {problem}",
            "give http://host:port (several separated by commas) or dns:///host:port");
        Time(errors, $"{key}:{nameof(backend.Timeout)}", backend.Timeout, TimeSpan.FromMilliseconds(1));
        Time(errors, $"{key}:{nameof(backend.ConnectTimeout)}", backend.ConnectTimeout, TimeSpan.FromMilliseconds(1));
        Time(errors, $"{key}:{nameof(backend.FirstResponseTimeout)}", backend.FirstResponseTimeout, TimeSpan.FromMilliseconds(10));
        Time(errors, $"{key}:{nameof(backend.DnsRefresh)}", backend.DnsRefresh, TimeSpan.FromSeconds(1));
        Time(errors, $"{key}:{nameof(backend.KeepAlivePingDelay)}", backend.KeepAlivePingDelay, TimeSpan.FromSeconds(1));
        Time(errors, $"{key}:{nameof(backend.KeepAlivePingTimeout)}", backend.KeepAlivePingTimeout, TimeSpan.FromSeconds(1));
        errors.Require(
            string.IsNullOrEmpty(backend.Tls.CertificatePath) == string.IsNullOrEmpty(backend.Tls.KeyPath),
            $"{key}:Tls:KeyPath", "and CertificatePath belong together", "set both for mTLS, or neither");
        foreach (var (file, path) in new[] { ("CaPath", backend.Tls.CaPath), ("CertificatePath", backend.Tls.CertificatePath), ("KeyPath", backend.Tls.KeyPath) })
        {
            errors.Require(
                string.IsNullOrEmpty(path) || System.IO.File.Exists(path), $"{key}:Tls:{file}", $"is '{path}', which does not exist", "give the path of a PEM file");
        }
    }

    private static void Http(HttpApiOptions http, SettingErrors errors)
    {
        Time(errors, $"Http:{nameof(http.Heartbeat)}", http.Heartbeat, TimeSpan.Zero);
        for (var i = 0; i < http.AllowedOrigins.Count; i++)
        {
            var origin = http.AllowedOrigins[i];
            errors.Require(
                origin == "*" ? http.AllowedOrigins.Count == 1 : IsOrigin(origin),
                $"Http:{nameof(http.AllowedOrigins)}:{i}", $"is '{origin}'", "give https://host or https://host:port without a path, https://*.host for all its subdomains, or * alone for all");
        }
    }

    private static bool IsOrigin(string origin) =>
        Uri.TryCreate(origin.Replace("://*.", "://any.", StringComparison.Ordinal), UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && uri.GetLeftPart(UriPartial.Authority).Replace("://any.", "://*.", StringComparison.Ordinal).Equals(origin, StringComparison.OrdinalIgnoreCase);

    private static void Retry(RetryOptions retry, SettingErrors errors)
    {
        Between(errors, "Retry:MaxAttempts", retry.MaxAttempts, 1, 10);
        Time(errors, "Retry:InitialBackoff", retry.InitialBackoff, TimeSpan.Zero);
        Time(errors, "Retry:MaxBackoff", retry.MaxBackoff, retry.InitialBackoff);
        Between(errors, "Retry:BudgetRatio", retry.BudgetRatio, 0, 10);
        Between(errors, "Retry:BudgetBurst", retry.BudgetBurst, 0, 1_000_000);
    }

    private static void Ejection(EjectionOptions ejection, SettingErrors errors)
    {
        Between(errors, "Ejection:ConsecutiveFailures", ejection.ConsecutiveFailures, 1, 1000);
        Time(errors, "Ejection:BaseTime", ejection.BaseTime, TimeSpan.FromMilliseconds(10));
        Time(errors, "Ejection:MaxTime", ejection.MaxTime, ejection.BaseTime);
    }

    private static void Policy(PolicyOptions policy, SettingErrors errors)
    {
        if (!string.IsNullOrEmpty(policy.File))
        {
            errors.Require(policy.Threshold is null, "Policy:Threshold", "is set together with Policy:File", "keep one of the two");
            errors.Require(policy.Criterion is null, "Policy:Criterion", "is set together with Policy:File", "keep one of the two");
            try
            {
                PolicyFile.Load(policy.File);
            }
            catch (InvalidDataException e)
            {
                errors.Add("Policy:File", $"cannot be used: {e.Message.TrimEnd('.')}", "write it with 'sgl calibrate'");
            }
        }

        errors.Require(
            policy.Threshold is null or >= 0, "Policy:Threshold", FormattableString.Invariant($"is {policy.Threshold}"), "use 0 (always exits) to 1; above 1 never exits");
        if (policy.TargetExitRatio is { } ratio)
        {
            Between(errors, "Policy:TargetExitRatio", ratio, 0, 1);
        }

        Between(errors, "Policy:Window", policy.Window, 10, 100_000);
        Between(errors, "Policy:MinimumSamples", policy.MinimumSamples, 1, policy.Window);
        errors.Require(!policy.Unpruned || policy.Prune.Count == 0, "Policy:Unpruned", "is set together with Policy:Prune", "keep one of the two");
        for (var i = 0; i < policy.Prune.Count; i++)
        {
            var (point, key) = (policy.Prune[i], $"Policy:Prune:{i}");
            errors.Require(point.Layer is null != point.LayerFraction is null, key, "needs exactly one of Layer and LayerFraction", "set one");
            errors.Require(point.Layer is null or >= 0, $"{key}:Layer", $"is {point.Layer}", "use a layer from 0 on");
            Between(errors, $"{key}:LayerFraction", point.LayerFraction ?? 0, 0, 1);
            errors.Require(
                point.KeepRatio is >= 0 and <= 1, $"{key}:KeepRatio", point.KeepRatio is { } r ? FormattableString.Invariant($"is {r}") : "is missing", "use 0 to 1");
        }

        Between(errors, "Policy:TileThreshold", policy.TileThreshold ?? 0, 0, 1);
        Between(errors, "Policy:Importance:ConsistencyRatio", policy.Importance.ConsistencyRatio, 0, 1);
        errors.Require(
            policy.Importance.LayerFraction is > 0 and <= 1, "Policy:Importance:LayerFraction",
            FormattableString.Invariant($"is {policy.Importance.LayerFraction}"), "use a number above 0, at most 1");
        Defined("Policy:Criterion", policy.Criterion ?? ExitCriterion.Decision);
        Defined("Policy:OnLargeFailure", policy.OnLargeFailure);
        Defined("Policy:Tiles", policy.Tiles ?? TilePolicy.All);
        Defined("Policy:Importance:Variant", policy.Importance.Variant);
        Defined("Policy:Importance:Source", policy.Importance.Source);

        void Defined<T>(string key, T value)
            where T : struct, Enum => errors.Require(Enum.IsDefined(value), key, $"is {value}", $"use one of {string.Join(", ", Enum.GetNames<T>())}");
    }

    private static void Between(SettingErrors errors, string key, double value, double least, double most) => errors.Require(
        value >= least && value <= most, key, FormattableString.Invariant($"is {value}"), FormattableString.Invariant($"use {least} to {most}"));

    private static void Time(SettingErrors errors, string key, TimeSpan value, TimeSpan least) => errors.Require(
        value >= least && value <= TimeSpan.FromDays(1), key, $"is {value}", $"use a time from {least} to one day, as hh:mm:ss");
}
