namespace Sgl.Router;

/// <summary>Values of the label <c>path</c> of <c>sgl_requests_total</c>.</summary>
internal enum RequestPath
{
    /// <summary>The small model's answer was good enough.</summary>
    Exit,

    /// <summary>The large model answered.</summary>
    Escalated,

    /// <summary>The large model should have answered but could not; the small model's answer was given.</summary>
    Degraded,

    /// <summary>There was no answer, by a fault of the service or its models.</summary>
    Failed,

    /// <summary>Refused for want of capacity.</summary>
    Shed,

    /// <summary>The client went away, or stopped reading.</summary>
    Cancelled,

    /// <summary>The request's deadline came first.</summary>
    Deadline,
}
