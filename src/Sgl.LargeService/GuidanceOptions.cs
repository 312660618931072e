using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.LargeService;

/// <summary>How the large service deals with guidance. Configuration section <c>Guidance</c>.</summary>
public sealed class GuidanceOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Guidance";

    /// <summary>Longest wait for guidance after the input; then the request ends with DEADLINE_EXCEEDED, so that a lost client frees its features.</summary>
    /// <value>Default 2 minutes.</value>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(2);
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
        return errors.ToResult();
    }
}
