using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.ModelServing;

/// <summary>How a large service deals with guidance. Configuration section <c>Guidance</c>.</summary>
public sealed class GuidanceOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Guidance";

    /// <summary>
    /// Longest wait for guidance once an input is prepared; then the request ends with DEADLINE_EXCEEDED, and what it held is free. A caller that is late sends
    /// the input again, with its guidance; the router does.
    /// </summary>
    /// <value>Default 15 s.</value>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Most inputs that are held without guidance; further ones are refused with RESOURCE_EXHAUSTED, those that bring their guidance are not. 0: half of
    /// the requests that may wait (<c>Engine:MaxQueue</c>; of a bridge half of <c>Bridge:MaxConcurrent</c>), at least one, so that the others always find places.
    /// </summary>
    /// <value>Default 0.</value>
    public int MaxWaiting { get; set; }
}

/// <summary>Checks <see cref="GuidanceOptions"/>.</summary>
public sealed class GuidanceOptionsValidator : IValidateOptions<GuidanceOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, GuidanceOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var errors = new SettingErrors(GuidanceOptions.SectionName);
        errors.Require(
            options.Timeout > TimeSpan.Zero && options.Timeout <= TimeSpan.FromDays(1),
            nameof(options.Timeout), $"is {options.Timeout}", "use a time above zero and at most one day, as hh:mm:ss");
        errors.Require(options.MaxWaiting >= 0, nameof(options.MaxWaiting), FormattableString.Invariant($"is {options.MaxWaiting}"), "use 0 (half of those that may wait) or more");
        return errors.ToResult();
    }
}
