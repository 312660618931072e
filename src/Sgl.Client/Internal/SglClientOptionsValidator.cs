using Microsoft.Extensions.Options;

namespace Sgl.Client.Internal;

/// <summary>Checks <see cref="SglClientOptions"/>: all that is wrong at once, each with what to do.</summary>
internal sealed class SglClientOptionsValidator : IValidateOptions<SglClientOptions>
{
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(1);

    public ValidateOptionsResult Validate(string? name, SglClientOptions options)
    {
        var errors = Errors(options).ToList();
        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
    }

    /// <summary>What is wrong, one sentence each.</summary>
    public static IEnumerable<string> Errors(SglClientOptions options)
    {
        var isAddress = Uri.TryCreate(options.Address, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.Host.Length > 0;
        if (!isAddress)
        {
            yield return Error(nameof(options.Address), options.Address is { Length: > 0 } ? "is no http or https address" : "is required", "give the router's gRPC port, e.g. http://localhost:5100");
        }
        else if (address!.UserInfo.Length > 0 || address.PathAndQuery != "/" || address.Fragment.Length > 0)
        {
            // Not shown: it may hold a secret.
            yield return Error(nameof(options.Address), "holds more than scheme, host and port", "give those alone; a key goes into ApiKey");
        }

        var hasKey = options.ApiKey is not null || options.ApiKeySource is not null;
        if (options.ApiKey is not null && options.ApiKeySource is not null)
        {
            yield return Error(nameof(options.ApiKey), "is set, and ApiKeySource is too", "set one of the two");
        }
        else if (options.ApiKey is { } key && !CallHeaders.IsKey(key))
        {
            yield return Error(nameof(options.ApiKey), "is empty or has characters other than printable ASCII", "give the key alone, without quotes or line breaks; null for none");
        }

        if (isAddress && hasKey && address!.Scheme == Uri.UriSchemeHttp && !address.IsLoopback && !options.AllowKeyWithoutTls)
        {
            yield return Error(nameof(options.Address), "would send the key over the network without TLS", "use https, or set AllowKeyWithoutTls where the network encrypts by itself");
        }

        if (options.Timeout != Timeout.InfiniteTimeSpan && (options.Timeout <= TimeSpan.Zero || options.Timeout > LongestTimeout))
        {
            yield return Error(nameof(options.Timeout), $"is {options.Timeout}", "use a time above zero and at most one day, or Timeout.InfiniteTimeSpan");
        }

        if (options.MaxReceiveMessageBytes < 1 << 16)
        {
            yield return Error(nameof(options.MaxReceiveMessageBytes), FormattableString.Invariant($"is {options.MaxReceiveMessageBytes}"), "use at least 65536");
        }
    }

    private static string Error(string key, string problem, string remedy) => $"{nameof(SglClientOptions)}.{key} {problem}; {remedy}.";
}
