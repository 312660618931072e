using Microsoft.Extensions.Options;

namespace Sgl.Hosting;

/// <summary>Checks <see cref="CallLimits"/>.</summary>
public sealed class CallLimitsValidator : IValidateOptions<CallLimits>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, CallLimits options)
    {
        var errors = new SettingErrors(CallLimits.SectionName);
        Duration(nameof(options.MaxDuration), options.MaxDuration);
        Duration(nameof(options.ReadTimeout), options.ReadTimeout);
        Duration(nameof(options.WriteTimeout), options.WriteTimeout);
        Between(nameof(options.MaxBytesInFlight), options.MaxBytesInFlight, 1024, 1L << 40);
        Between(nameof(options.MaxConcurrent), options.MaxConcurrent, 1, 1_000_000);
        return errors.ToResult();

        void Duration(string key, TimeSpan value) => errors.Require(
            value >= TimeSpan.FromMilliseconds(1) && value <= TimeSpan.FromDays(1), key, $"is {value}", "use a time from 1 ms to one day, as hh:mm:ss");

        void Between(string key, long value, long least, long most) => errors.Require(
            value >= least && value <= most, key, FormattableString.Invariant($"is {value}"), FormattableString.Invariant($"use {least} to {most}"));
    }
}
