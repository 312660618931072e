using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.EngineBridge;

/// <summary>Checks <see cref="BridgeOptions"/>.</summary>
public sealed class BridgeOptionsValidator : IValidateOptions<BridgeOptions>
{
    private static readonly TimeSpan LongestTime = TimeSpan.FromDays(1);

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, BridgeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var errors = new SettingErrors(BridgeOptions.SectionName);
        errors.Require(Enum.IsDefined(options.Role), nameof(options.Role), $"is {options.Role}", $"use {string.Join(" or ", Enum.GetNames<BridgeRole>())}");
        CheckEndpoint(options.Endpoint, errors);
        errors.Require(options.Model.Length > 0 && !options.Model.Any(char.IsControl), nameof(options.Model), options.Model.Length > 0 ? "has control characters" : "is required", "use the name under which the engine lists the model (GET models)");
        CheckKey(options, errors);
        Between(nameof(options.MaxConcurrent), options.MaxConcurrent, 1, 1 << 20);
        Between(nameof(options.MaxImages), options.MaxImages, 1, 1024);
        Between(nameof(options.MaxNewTokens), options.MaxNewTokens, 1, 1 << 24);
        errors.Require(Enum.IsDefined(options.TokenLimit), nameof(options.TokenLimit), $"is {options.TokenLimit}", $"use {string.Join(" or ", Enum.GetNames<TokenLimitField>())}");
        errors.Require(Enum.IsDefined(options.TileLimit), nameof(options.TileLimit), $"is {options.TileLimit}", $"use {string.Join(" or ", Enum.GetNames<TileLimitField>())}");
        Between(nameof(options.Retries), options.Retries, 0, 10);
        Between(nameof(options.MaxLineBytes), options.MaxLineBytes, 1 << 12, 1 << 30);
        Between(nameof(options.MaxAnswerBytes), options.MaxAnswerBytes, 1 << 12, 1L << 40);
        Time(nameof(options.ConnectTimeout), options.ConnectTimeout);
        Time(nameof(options.FirstTokenTimeout), options.FirstTokenTimeout);
        Time(nameof(options.TokenTimeout), options.TokenTimeout);
        Time(nameof(options.RetryDelay), options.RetryDelay);
        Time(nameof(options.LongestRetryDelay), options.LongestRetryDelay);
        Time(nameof(options.ProbeInterval), options.ProbeInterval);
        Time(nameof(options.ProbeTimeout), options.ProbeTimeout);
        return errors.ToResult();

        void Between(string key, long value, long least, long most) => errors.Require(
            value >= least && value <= most, key, FormattableString.Invariant($"is {value}"), FormattableString.Invariant($"use {least} to {most}"));

        void Time(string key, TimeSpan value) => errors.Require(
            value > TimeSpan.Zero && value <= LongestTime, key, $"is {value}", "use a time above zero and at most one day, as hh:mm:ss");
    }

    private static void CheckEndpoint(string endpoint, SettingErrors errors)
    {
        const string remedy = "use the base address of an OpenAI-compatible API, e.g. http://localhost:8000/v1";
        if (endpoint.Length == 0)
        {
            errors.Add(nameof(BridgeOptions.Endpoint), "is required", remedy);
        }
        else if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            errors.Add(nameof(BridgeOptions.Endpoint), "is no http or https address", remedy);
        }
        else if (address.UserInfo.Length > 0 || address.Query.Length > 0 || address.Fragment.Length > 0)
        {
            // Not shown: it may hold a secret.
            errors.Add(nameof(BridgeOptions.Endpoint), "holds a user, a query or a fragment", "use the address alone; keys go into Bridge:KeyFile or Bridge:KeyVariable");
        }
    }

    private static void CheckKey(BridgeOptions options, SettingErrors errors)
    {
        if (options.KeyFile.Length > 0 && options.KeyVariable.Length > 0)
        {
            errors.Add(nameof(options.KeyFile), "is set, and Bridge:KeyVariable is too", "set one of the two");
            return;
        }

        try
        {
            _ = EngineKey.Read(options);
        }
        catch (EngineKeyException e)
        {
            errors.Add(options.KeyFile.Length > 0 ? nameof(options.KeyFile) : nameof(options.KeyVariable), e.Message, "give one line of printable characters, the key");
        }
    }
}
