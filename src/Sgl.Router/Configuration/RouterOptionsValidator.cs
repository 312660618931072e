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
        SecondOpinion(options.SecondOpinion, errors);
        Ejection(options.Ejection, errors);
        Policy(options.Policy, errors);
        for (var i = 0; i < options.Policies.Count; i++)
        {
            Named($"Policies:{i}", options, i, errors);
        }

        Http(options.Http, errors);
        for (var i = 0; i < options.AllowedHosts.Count; i++)
        {
            var host = options.AllowedHosts[i];
            errors.Require(
                host == "*" || Uri.CheckHostName(host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host) is not UriHostNameType.Unknown,
                $"{nameof(options.AllowedHosts)}:{i}", $"is '{host}'", "give a name without scheme and port, *.name for all its subdomains, or * for any");
        }

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
        Between(errors, $"Http:{nameof(http.MaxAnswers)}", http.MaxAnswers, 1, 128);
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
        Threshold("Policy", policy.File, policy.Threshold, policy.Criterion, policy.TargetExitRatio, errors);
        Cost(policy, errors);
        Between(errors, "Policy:Window", policy.Window, 10, 100_000);
        Between(errors, "Policy:MinimumSamples", policy.MinimumSamples, 1, policy.Window);
        Prune("Policy", policy.Unpruned, policy.Prune, errors);
        Between(errors, "Policy:ImportanceShare", policy.ImportanceShare ?? 0, 0, 1);
        Between(errors, "Policy:DiversityWeight", policy.DiversityWeight ?? 0, 0, DiverseSelection.HighestWeight);
        Between(errors, "Policy:TileThreshold", policy.TileThreshold ?? 0, 0, 1);
        Pictures("Policy", policy.Pictures, errors);
        Between(errors, "Policy:Importance:ConsistencyRatio", policy.Importance.ConsistencyRatio, 0, 1);
        errors.Require(
            policy.Importance.LayerFraction is > 0 and <= 1, "Policy:Importance:LayerFraction",
            FormattableString.Invariant($"is {policy.Importance.LayerFraction}"), "use a number above 0, at most 1");
        Defined(errors, "Policy:Criterion", policy.Criterion);
        Defined<LargeFailure>(errors, "Policy:OnLargeFailure", policy.OnLargeFailure);
        Defined(errors, "Policy:Tiles", policy.Tiles);
        Defined<ImportanceVariant>(errors, "Policy:Importance:Variant", policy.Importance.Variant);
        Defined<ImportanceSource>(errors, "Policy:Importance:Source", policy.Importance.Source);
    }

    private static void Cost(PolicyOptions policy, SettingErrors errors)
    {
        var cost = policy.Cost;
        errors.Require(cost.Target is null || policy.TargetExitRatio is null, "Policy:Cost:Target", "is set together with Policy:TargetExitRatio", "keep one of the two");
        errors.Require(cost.Target is null or > 0 and < double.PositiveInfinity, "Policy:Cost:Target", FormattableString.Invariant($"is {cost.Target}"), "use a number above 0");
        Between(errors, "Policy:Cost:SmallPerSecond", cost.SmallPerSecond, 0, 1e9);
        Between(errors, "Policy:Cost:LargePerSecond", cost.LargePerSecond, 0, 1e9);
    }

    private static void SecondOpinion(SecondOpinionOptions opinion, SettingErrors errors)
    {
        Between(errors, "SecondOpinion:Share", opinion.Share, 0, 1);
        Between(errors, "SecondOpinion:Window", opinion.Window, 1, 100_000);
        Between(errors, "SecondOpinion:MinimumSamples", opinion.MinimumSamples, 1, opinion.Window);
    }

    private static void Named(string key, RouterOptions options, int index, SettingErrors errors)
    {
        var policy = options.Policies[index];
        errors.Require(
            policy.Name.Length is > 0 and <= 64 && policy.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'),
            $"{key}:Name", $"is '{policy.Name}'", "use 1 to 64 letters, digits, '-', '_' and '.'");
        errors.Require(policy.Name != ConfiguredPolicy.DefaultName, $"{key}:Name", "is 'default', which is Router:Policy", "use another name");
        errors.Require(
            options.Policies.Take(index).All(p => p.Name != policy.Name), $"{key}:Name", $"is '{policy.Name}', like an earlier one", "use each name once");
        errors.Require(policy.Description.Length <= 1000, $"{key}:Description", $"has {policy.Description.Length} characters", "use at most 1000");
        Threshold(key, policy.File, policy.Threshold, policy.Criterion, policy.TargetExitRatio, errors);
        errors.Require(
            policy.Criterion is null || policy.HasThreshold || policy.Criterion == (options.Policy.Criterion ?? ExitCriterion.Decision),
            $"{key}:Criterion", "is set without a threshold", "set Threshold, or TargetExitRatio, too");
        errors.Require(
            !policy.SkipConsistency || policy.Force is not null
                || policy.Criterion is { } c && !ExitCriteria.NeedsConsistency(c),
            $"{key}:SkipConsistency", "is set where the criterion needs the consistency pass", "set a Criterion that does not, e.g. Confidence, or Force");
        Prune(key, policy.Unpruned, policy.Prune, errors);
        Between(errors, $"{key}:ImportanceShare", policy.ImportanceShare ?? 0, 0, 1);
        Between(errors, $"{key}:DiversityWeight", policy.DiversityWeight ?? 0, 0, DiverseSelection.HighestWeight);
        Between(errors, $"{key}:TileThreshold", policy.TileThreshold ?? 0, 0, 1);
        Pictures(key, policy.Pictures, errors);
        Defined(errors, $"{key}:Tiles", policy.Tiles);
        Defined(errors, $"{key}:Overlap", policy.Overlap);
        Time(errors, $"{key}:LargeTimeout", policy.LargeTimeout ?? TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(1));
        Defined(errors, $"{key}:Criterion", policy.Criterion);
        Defined(errors, $"{key}:Force", policy.Force);
        Defined(errors, $"{key}:OnLargeFailure", policy.OnLargeFailure);
    }

    private static void Threshold(string key, string? file, double? threshold, ExitCriterion? criterion, double? target, SettingErrors errors)
    {
        if (!string.IsNullOrEmpty(file))
        {
            errors.Require(threshold is null, $"{key}:Threshold", $"is set together with {key}:File", "keep one of the two");
            errors.Require(criterion is null, $"{key}:Criterion", $"is set together with {key}:File", "keep one of the two");
            try
            {
                ConfiguredPolicy.FileOf(file);
            }
            catch (SettingsFileException e)
            {
                errors.Add($"{key}:File", $"cannot be used: {e.Message.TrimEnd('.')}", "write it with 'sgl calibrate'");
            }
        }

        errors.Require(criterion != ExitCriterion.Learnt, $"{key}:Criterion", "is Learnt, and nothing says how", $"set {key}:File to a file of 'sgl calibrate --criterion Learnt' in its place");
        errors.Require(threshold is null or >= 0, $"{key}:Threshold", FormattableString.Invariant($"is {threshold}"), "use 0 (always exits) to 1; above 1 never exits");
        if (target is { } ratio)
        {
            Between(errors, $"{key}:TargetExitRatio", ratio, 0, 1);
        }
    }

    private static void Prune(string of, bool unpruned, IList<PrunePointOptions> points, SettingErrors errors)
    {
        errors.Require(!unpruned || points.Count == 0, $"{of}:Unpruned", $"is set together with {of}:Prune", "keep one of the two");
        for (var i = 0; i < points.Count; i++)
        {
            var (point, key) = (points[i], $"{of}:Prune:{i}");
            errors.Require(point.Layer is null != point.LayerFraction is null, key, "needs exactly one of Layer and LayerFraction", "set one");
            errors.Require(point.Layer is null or >= 0, $"{key}:Layer", $"is {point.Layer}", "use a layer from 0 on");
            Between(errors, $"{key}:LayerFraction", point.LayerFraction ?? 0, 0, 1);
            errors.Require(
                point.KeepRatio is >= 0 and <= 1, $"{key}:KeepRatio", point.KeepRatio is { } r ? FormattableString.Invariant($"is {r}") : "is missing", "use 0 to 1");
        }
    }

    private static void Pictures(string of, SentPictureOptions? pictures, SettingErrors errors)
    {
        if (pictures is null)
        {
            return;
        }

        Defined<PictureStrategy>(errors, $"{of}:Pictures:Strategy", pictures.Strategy);
        if (!Enum.IsDefined(pictures.Strategy))
        {
            return;
        }

        foreach (var violation in ViolationList.Of(v => PicturePolicyRules.Check(pictures.ToWire(), "Pictures", v)))
        {
            errors.Add($"{of}:Pictures", $"{violation.Field}: {violation.Description}", "see docs/engines.md");
        }
    }

    private static void Defined<T>(SettingErrors errors, string key, T? value)
        where T : struct, Enum => errors.Require(value is null || Enum.IsDefined(value.Value), key, $"is {value}", $"use one of {string.Join(", ", Enum.GetNames<T>())}");

    private static void Between(SettingErrors errors, string key, double value, double least, double most) => errors.Require(
        value >= least && value <= most, key, FormattableString.Invariant($"is {value}"), FormattableString.Invariant($"use {least} to {most}"));

    private static void Time(SettingErrors errors, string key, TimeSpan value, TimeSpan least) => errors.Require(
        value >= least && value <= TimeSpan.FromDays(1), key, $"is {value}", $"use a time from {least} to one day, as hh:mm:ss");
}
