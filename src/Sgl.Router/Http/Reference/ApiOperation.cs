using System.Globalization;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;

namespace Sgl.Router;

/// <summary>What the API's description says of an endpoint.</summary>
/// <param name="Name">Name of the operation, for generated clients.</param>
/// <param name="Summary">One line.</param>
/// <param name="Answer">Type of the body of an answer.</param>
internal sealed record ApiOperation(string Name, string Summary, Type Answer)
{
    /// <summary>Status under which the type of events is noted: the framework keeps one type for each status.</summary>
    public const string Streamed = "299";

    private const string Json = "application/json";

    /// <summary>Schema of the body of a request, in <c>requests.json</c>; null: none.</summary>
    public string? Body { get; init; }

    /// <summary>Type of an event where answers may be streamed; null: they may not.</summary>
    public Type? Event { get; init; }

    /// <summary>Status codes of errors.</summary>
    public IReadOnlyList<int> Errors { get; init; } = [];

    /// <summary>Whether it is answered without a key: probes have none.</summary>
    public bool IsForAnybody { get; init; }

    /// <summary>As the framework wants it told.</summary>
    public object[] Metadata() =>
    [
        this,
        new ProducesResponseTypeMetadata(StatusCodes.Status200OK, Answer, [Json]),
        .. Event is null ? Array.Empty<object>() : [new ProducesResponseTypeMetadata(int.Parse(Streamed, CultureInfo.InvariantCulture), Event, [Json])],
        .. IsForAnybody ? new object[] { new AllowAnonymousAttribute() } : [],
        .. Errors.Select(e => new ProducesResponseTypeMetadata(e, typeof(ChatErrorBody), [Json])),
    ];
}
