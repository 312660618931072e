using Microsoft.Extensions.Options;

namespace Sgl.Hosting;

/// <summary>How spans leave the process.</summary>
public enum TraceProtocol
{
    /// <summary>OTLP over gRPC, port 4317 by custom.</summary>
    Grpc,

    /// <summary>OTLP as protobuf over HTTP, port 4318 by custom.</summary>
    HttpProtobuf,
}

/// <summary>
/// Traces, sent by OTLP. Configuration section <c>Tracing</c>. The standard variables (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, <c>OTEL_TRACES_SAMPLER</c>,
/// <c>OTEL_SERVICE_NAME</c>, ...) work too, and switch traces on by themselves; what is set here wins.
/// </summary>
public sealed class TracingOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string SectionName = "Tracing";

    /// <summary>Where spans are sent, e.g. <c>http://collector:4317</c>. Default: where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says; without both nothing is recorded.</summary>
    public Uri? Endpoint { get; set; }

    /// <summary>How. Default: as <c>OTEL_EXPORTER_OTLP_PROTOCOL</c> says, else gRPC.</summary>
    public TraceProtocol? Protocol { get; set; }

    /// <summary>Share of the traces begun here that are recorded, 0 to 1; a caller that has decided is followed. Default: as <c>OTEL_TRACES_SAMPLER</c> says, else all.</summary>
    public double? SampleRatio { get; set; }
}

/// <summary>Checks <see cref="TracingOptions"/>.</summary>
public sealed class TracingOptionsValidator : IValidateOptions<TracingOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, TracingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var errors = new SettingErrors(TracingOptions.SectionName);
        errors.Require(
            options.Endpoint is null || (options.Endpoint.IsAbsoluteUri && options.Endpoint.Scheme is "http" or "https"), nameof(options.Endpoint), $"is '{options.Endpoint}'",
            "give http://host:port or https://host:port of a collector");
        errors.Require(
            options.SampleRatio is null or (>= 0 and <= 1), nameof(options.SampleRatio), FormattableString.Invariant($"is {options.SampleRatio}"), "use 0 to 1");
        errors.Require(options.Protocol is null || Enum.IsDefined(options.Protocol.Value), nameof(options.Protocol), $"is {options.Protocol}", "use Grpc or HttpProtobuf");
        return errors.ToResult();
    }
}
