namespace Sgl.Router;

/// <summary>Tells the events of an answer in the terms of a protocol.</summary>
internal interface IAnswerStream
{
    /// <summary>Takes an event of the router; those of different answers may come at once.</summary>
    /// <param name="index">Which of the answers that the request wants it is about, 0-based.</param>
    /// <param name="answer">The event.</param>
    Task TakeAsync(int index, Wire.AnswerResponse answer);

    /// <summary>Ends a stream that has begun with an error.</summary>
    Task FailAsync(ChatErrorBody body);
}
