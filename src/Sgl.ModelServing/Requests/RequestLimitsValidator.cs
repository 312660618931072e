using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.Vision;

namespace Sgl.ModelServing;

/// <summary>Checks <see cref="RequestLimits"/>.</summary>
public sealed class RequestLimitsValidator : IValidateOptions<RequestLimits>
{
    // 3 bytes a pixel must stay addressable by one array.
    private const long LargestImage = 700_000_000;

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, RequestLimits options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var errors = new SettingErrors(RequestLimits.SectionName);
        Between(nameof(options.MaxImagePixels), options.MaxImagePixels, 1, LargestImage);
        Between(nameof(options.MaxImageSide), options.MaxImageSide, 1, int.MaxValue);
        Between(nameof(options.MaxImageAspectRatio), options.MaxImageAspectRatio, 1, int.MaxValue);
        Between(nameof(options.MaxImageBytes), options.MaxImageBytes, 1, int.MaxValue);
        Between(nameof(options.MaxRequestPixels), options.MaxRequestPixels, 1, long.MaxValue);
        Between(nameof(options.MaxConcurrentPreparations), options.MaxConcurrentPreparations, 0, 1024);
        Between(nameof(options.PreparationMemoryMiB), options.PreparationMemoryMiB, 64, 1 << 20);
        errors.Require(Enum.IsDefined(options.Alpha), nameof(options.Alpha), $"is {options.Alpha}", $"use {string.Join(" or ", Enum.GetNames<AlphaHandling>())}");
        return errors.ToResult();

        void Between(string key, long value, long least, long most) => errors.Require(
            value >= least && value <= most, key, FormattableString.Invariant($"is {value}"), FormattableString.Invariant($"use {least} to {most}"));
    }
}
